package watch

import "testing"

// TestContents: what the files hold, look after look, and what is found.
func TestContents(t *testing.T) {
	holds := func(file string, text byte) map[string]content {
		return map[string]content{file: {readable: true, sum: [32]byte{text}}}
	}
	a, b, other := holds("policy", 'a'), holds("policy", 'b'), holds("other", 'a')
	none := map[string]content{}
	const report = true
	for _, tt := range []struct {
		name     string
		now      []map[string]content
		reported bool // before the last look
		want     finding
	}{
		{"the first look", []map[string]content{a}, false, unsettled},
		{"it stays", []map[string]content{a, a}, false, changed},
		{"it is known", []map[string]content{a, a, a}, false, nothing},
		{"a change", []map[string]content{a, a, b}, false, unsettled},
		{"a change that stays", []map[string]content{a, a, b, b}, false, changed},
		{"a change that goes on", []map[string]content{a, a, b, holds("policy", 'c')}, false, unsettled},
		{"a change that was taken back", []map[string]content{a, a, b, a}, false, nothing},
		{"reported, and as before", []map[string]content{a, a, a}, report, changed},
		{"reported, and a change", []map[string]content{a, a, b}, report, unsettled},
		{"another file", []map[string]content{a, a, other, other}, false, changed},
		{"fewer files", []map[string]content{a, a, none}, false, nothing},
		{"not to be read any more", []map[string]content{a, a, {"policy": {}}, {"policy": {}}}, false, changed},
		{"no files", []map[string]content{none}, false, nothing},
	} {
		var c contents
		got := nothing
		for i, now := range tt.now {
			c.reported = tt.reported && i == len(tt.now)-1
			got = c.look(now)
		}
		if got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
