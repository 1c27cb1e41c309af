package parity_test

import (
	"strconv"
	"strings"
)

// jar fills the cookie header around a session token, which may be nil. The
// cookies have the instance's suffix, or none, or exist in both ways.
func (g *generator) jar(d *draft) {
	var cookies []string
	add := func(name, value string) {
		written := g.cookieValue(value)
		if strings.HasPrefix(name, "__client_uat") && strings.TrimSpace(written) != value || name == "__clerk_redirect_count" && written != value {
			g.c.odd(entryCounters, false)
		}
		cookies = append(cookies, name+"="+written)
	}
	suffix := "_" + g.key.Suffix
	ways := [][]string{{""}, {""}, {suffix}, {suffix}, {"", suffix}}[g.n(5)]
	at := g.n(len(ways))
	// A clerk-js that was downgraded leaves the suffixed cookies as they were.
	downgraded := len(ways) == 2 && g.one(4)
	for i, way := range ways {
		own := d
		if i != at {
			own = g.other()
		}
		if own != nil {
			if downgraded && way == suffix {
				own.payload["exp"] = g.sec - int64(g.n(3)) + 1
			}
			add("__session"+way, own.sign())
		}
		uat := g.clientUAT(own)
		if own != d && g.one(4) || downgraded && way == "" {
			uat = "0" // signed out there
		}
		if uat != "absent" {
			add("__client_uat"+way, uat)
		}
		if g.key.Development && !g.one(12) || g.one(20) {
			add("__clerk_db_jwt"+way, g.pick("dvb_1", "dvb_1", "dvb_1", "a b&c", "dvb_é", ""))
		}
	}
	if g.one(4) {
		add("__refresh"+g.pick(suffix, suffix, suffix, ""), g.pick("rt_1", "rt_1", "a b"))
	}
	if g.one(7) {
		add("__clerk_redirect_count", g.counter())
	}
	if g.one(8) {
		cookies = append(cookies, g.pick("novalue", "=x", "", "a=b=c", "__session_AAAAAAAA=x", "__SESSION=x", "theme=dark", " __session =x; a"))
	}
	g.r.Shuffle(len(cookies), func(i, j int) { cookies[i], cookies[j] = cookies[j], cookies[i] })
	g.c.Headers["cookie"] = strings.Join(cookies, g.pick("; ", "; ", "; ", ";", " ;\t"))
}

// other is what the family of cookies holds that is not the main one.
func (g *generator) other() *draft {
	if g.one(3) {
		return nil
	}
	return g.spoil(g.session())
}

func (g *generator) cookieValue(value string) string {
	value = strings.NewReplacer(" ", "%20", "&", "%26", "é", "%C3%A9", ";", "%3B").Replace(value)
	switch g.n(60) {
	case 0:
		return `"` + value + `"`
	case 1:
		return strings.ReplaceAll(value, ".", "%2E")
	case 2:
		return value + g.pick("%zz", "%", "%E0%A4%A")
	case 3:
		return " " + value
	}
	return value
}

// clientUAT is the cookie beside a session token, mostly as Clerk sets it.
func (g *generator) clientUAT(d *draft) string {
	issued := g.sec - 20
	if d != nil {
		if iat, ok := d.payload["iat"].(int64); ok {
			issued = iat
		}
	}
	switch g.n(24) {
	case 0:
		return "0"
	case 1:
		return "absent"
	case 2:
		return strconv.FormatInt(issued+1, 10)
	case 3:
		return strconv.FormatInt(issued+1000, 10)
	case 4, 5, 6, 7:
		return strconv.FormatInt(issued, 10)
	case 8:
		g.c.odd(entryCounters, false)
		g.tell("odd client_uat")
		return g.pick("1abc", "0x10", "-5", "1.5", "1e3", "abc", "01", "+1", "99999999999999999999", " 7", "1_0", "null", "-0", "1700000000000")
	}
	return strconv.FormatInt(issued-int64(g.n(100)), 10)
}

// counter is the cookie that counts redirects.
func (g *generator) counter() string {
	if !g.one(4) {
		return g.pick("0", "1", "2", "2", "3", "3")
	}
	g.c.odd(entryCounters, false)
	g.tell("odd redirect counter")
	return g.pick("4", "5", "3.0", "0x3", "2.5", "-1", "abc", "1e0", "%203", "Infinity", "00", "03", "", "1,2", "12345678901234567890")
}
