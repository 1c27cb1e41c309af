package authz

import (
	"errors"
	"strconv"
	"strings"

	"github.com/clerkgate/clerkgate/internal/webhook"
	"github.com/clerkgate/clerkgate/policy"
)

// Headers of a webhook request. Clerk's SDK insists on Svix's names for those of
// the signature; partialBody is Envoy's own, which it lets no client send.
const (
	headerSvixID        = "svix-id"
	headerSvixTimestamp = "svix-timestamp"
	headerSvixSignature = "svix-signature"
	headerPartialBody   = "x-envoy-auth-partial-body"
	headerContentLength = "content-length"
)

// delivery is a webhook request as far as its signature is concerned.
type delivery struct {
	message     webhook.Message
	length      string // Content-Length
	bodySent    bool   // the proxy sent the body, which may be empty
	bodyPartial bool   // … and cut it short
}

// announced reports whether the client said how long the body is.
func (d *delivery) announced() bool { return d.length != "" }

// cutShort reports whether the body that is here is not all of it. Envoy's own
// word does not settle that: of a body that fills its buffer to the last byte it
// says that it is whole, whatever is still to come.
func (d *delivery) cutShort() bool {
	return d.bodyPartial || d.bodySent && d.announced() && d.length != strconv.Itoa(len(d.message.Body))
}

// verifyWebhook decides about a request to a webhook route. The cheap checks come
// first: whoever did not sign need not know how the proxy is set up.
func (c *check) verifyWebhook(m policy.Match) {
	v := &c.verdict
	v.webhook = true
	d, malformed := readDelivery(c.request)
	if malformed != "" {
		v.refuse(Malformed, CodeRequestMalformed, malformed)
		return
	}
	v.Presented = d.message.Signature != ""
	err := c.snapshot.webhooks[m.Route].Verify(d.message, c.now)
	switch {
	case errors.Is(err, webhook.ErrMissing):
		v.refuse(Unauthenticated, CodeWebhookSignatureMissing, "svix-id, svix-timestamp and svix-signature are not all there")
	case errors.Is(err, webhook.ErrOutsideWindow):
		v.refuse(Unauthenticated, CodeWebhookOutsideWindow, "svix-timestamp is more than five minutes away from now")
	case d.cutShort():
		v.refuse(TooLarge, CodeWebhookBodyTooLarge, "the proxy sent the beginning of the body only; raise max_request_bytes")
	case !d.bodySent:
		v.refuse(Unavailable, CodeWebhookBodyNotSent, "the proxy sent no body to verify; set with_request_body with pack_as_bytes")
	case err != nil:
		v.refuse(Unauthenticated, CodeWebhookSignatureInvalid, "no secret of the route made this signature over this body")
	case !d.announced():
		v.refuse(Malformed, CodeRequestMalformed, "the webhook has no content-length, so that nobody can tell whether this is all of its body")
	default:
		c.judge(m, &policy.Identity{Webhook: true})
	}
}

// readDelivery takes from the request what was signed. Each header must be there
// once: the service behind may read another one of two.
func readDelivery(r *Request) (d delivery, malformed string) {
	d.message.Body = r.Body
	d.bodySent = len(r.Body) > 0
	for i := range r.Headers {
		value, field := r.Headers[i].Value, (*string)(nil)
		switch lower(r.Headers[i].Name) {
		case headerSvixID:
			field = &d.message.ID
		case headerSvixTimestamp:
			field = &d.message.Timestamp
		case headerSvixSignature:
			field = &d.message.Signature
		case headerContentLength:
			field = &d.length
		case headerPartialBody:
			d.bodySent = true
			d.bodyPartial = d.bodyPartial || value != "false"
		}
		switch {
		case field == nil || value == "":
		case *field != "":
			return d, "a header that a webhook's signature depends on is there twice"
		default:
			*field = value
		}
	}
	if joined(&d.message) {
		return d, "a header of the webhook's signature holds two values"
	}
	return d, ""
}

// joined reports whether a header looks like two that a proxy made one of, with
// a comma. An id and a timestamp have none, and each entry of a signature one.
func joined(m *webhook.Message) bool {
	if strings.Contains(m.ID, ",") || strings.Contains(m.Timestamp, ",") {
		return true
	}
	for entry := range strings.SplitSeq(m.Signature, " ") {
		if strings.Count(entry, ",") > 1 {
			return true
		}
	}
	return false
}
