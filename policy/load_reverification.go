package policy

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// reverification reads a preset, or a level and a time.
func (l *loader) reverification(n *yaml.Node) Reverification {
	if n.Kind == yaml.MappingNode {
		return l.reverificationLevel(n)
	}
	if n.Kind == yaml.SequenceNode && !l.broken[n] {
		l.fail(place(n), "reverification is a text or a mapping, not a list", "write reverification: strict")
		return Reverification{}
	}
	t, ok := l.scalar(n, "reverification")
	if !ok {
		return Reverification{}
	}
	return Reverification{Preset: pick(l, t, words("strict_mfa", "strict", "moderate", "lax"), "")}
}

func (l *loader) reverificationLevel(n *yaml.Node) Reverification {
	o := l.object(n, inReverification)
	if o == nil {
		return Reverification{}
	}
	for _, key := range []string{"level", "afterMinutes"} {
		if _, there := o.fields[key]; !there {
			l.fail(o.pos, key+" is missing", "write reverification: {level: second_factor, afterMinutes: 10}")
		}
	}
	return Reverification{
		Level:        choose(o, "level", "", words(levelFirst, levelSecond, levelMulti)),
		AfterMinutes: o.positive("afterMinutes"),
	}
}

// words are choices that mean themselves.
func words(all ...string) []choice[string] {
	var out []choice[string]
	for _, w := range all {
		out = append(out, choice[string]{w, w})
	}
	return out
}

// positive reads a number that is more than nothing, in plain decimal digits;
// 0 if there is none.
func (o *object) positive(key string) float64 {
	n, there := o.fields[key]
	if !there || o.broken[n] {
		return 0
	}
	t := scalar{Text: Text{Value: n.Value, Pos: place(n)}, raw: n.Value}
	number := n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!int" || n.ShortTag() == "!!float")
	if !number && n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "${") {
		if t, number = o.text(key); !number || t.Unset {
			return 0
		}
	}
	if !number {
		o.fail(place(n), fmt.Sprintf("%s is a number, not %s", key, kind(n)), "write it like 10, without quotes")
		return 0
	}
	x, err := strconv.ParseFloat(t.Value, 64)
	if err != nil || strings.Trim(t.Value, "0123456789.") != "" || len(t.Value) > 1 && t.Value[0] == '0' && t.Value[1] != '.' || x <= 0 {
		o.fail(t.Pos, fmt.Sprintf("%s is not a plain number above 0", brief(t.raw)), "write it in digits, like 10 or 2.5")
		return 0
	}
	return x
}
