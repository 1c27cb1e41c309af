package extauthz

import "github.com/clerkgate/clerkgate/authz"

// found is what was found of a check so far.
type found struct {
	http      bool // there are HTTP attributes
	request   *authz.Request
	body      string
	rawBody   string
	joined    headerSet
	raw       []authz.Header
	twoValues bool           // a raw header has both of its values, and they differ
	room      []authz.Header // for the headers; nil once it is given away
}

// lend gives the room away, to the first who asks.
func (f *found) lend() []authz.Header {
	room := f.room
	f.room = nil
	return room
}

// extend adds an entry of context_extensions.
func (f *found) extend(key, value string) {
	if f.request.Context == nil {
		f.request.Context = map[string]string{}
	}
	f.request.Context[key] = value
}

// finish puts what was found into the request, or why it is none.
func (f *found) finish() {
	if !f.http {
		*f.request = authz.Request{Malformed: malformedNoHTTP}
		return
	}
	r := f.request
	switch {
	case bodiesDisagree(f.rawBody, f.body):
		r.Malformed = malformedBodies
		return
	case f.rawBody != "":
		r.Body = []byte(f.rawBody)
	case f.body != "":
		r.Body = []byte(f.body)
	}
	r.Headers, r.Malformed = f.headers()
}

func (f *found) headers() (headers []authz.Header, malformed string) {
	switch {
	case len(f.raw) == 0:
		return f.joined.list, ""
	case f.twoValues:
		return nil, malformedTwoValues
	case len(f.joined.list) > 0 && !agree(f.joined.values(), f.raw):
		return f.raw, malformedHeaders
	}
	return f.raw, ""
}

// headerSet are the entries of the joined form, a map: the last of several
// entries of one name counts.
type headerSet struct {
	list []authz.Header
	have [4]uint64 // a bit for each name that is there, and for others
}

// maxHeaderSet bounds the entries of a headerSet, which looks through them all
// for names that seem to be there. Envoy's own limit is 100 unless configured.
const maxHeaderSet = 256

// put adds an entry, or replaces that of the same name. It is not ok if there are
// too many.
func (s *headerSet) put(f *found, name, value string) (ok bool) {
	bit := nameBit(name)
	word, mask := &s.have[bit>>6], uint64(1)<<(bit&63)
	if *word&mask != 0 {
		for i := range s.list {
			if s.list[i].Name == name {
				s.list[i].Value = value
				return true
			}
		}
	}
	*word |= mask
	if s.list == nil {
		s.list = f.lend()
	}
	s.list = append(s.list, authz.Header{Name: name, Value: value})
	return len(s.list) <= maxHeaderSet
}

// nameBit spreads header names over 256 bits.
func nameBit(name string) uint8 {
	n := len(name)
	if n == 0 {
		return 0
	}
	return uint8(n&0xff)*31 + name[0]*7 + name[n/2]*13 + name[n-1]*59
}

// values is the set as a map.
func (s *headerSet) values() map[string]string {
	out := make(map[string]string, len(s.list))
	for _, h := range s.list {
		out[h.Name] = h.Value
	}
	return out
}
