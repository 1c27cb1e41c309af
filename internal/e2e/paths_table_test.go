package e2e_test

import (
	"slices"
	"strings"
)

// spellings are request targets that come to the same. shipped and bare say
// under which route of the policy a request with such a target is decided,
// behind the shipped listener and behind one that cleans nothing up: public,
// admin, kiosk, rest, or refused, which is nobody's business but Envoy's or
// Clerkgate's. Where versions of Envoy or the two protocols differ, each
// acceptable one is named.
type spellings struct {
	what, shipped, bare string
	targets             []string
}

func oddPaths() []spellings {
	return slices.Concat(plainPaths(), dottedPaths(), encodedPaths(), slashedPaths(), casedPaths(), brokenPaths(), oddTargets())
}

func plainPaths() []spellings {
	return []spellings{
		{"plain, public", "public", "public", []string{"/public", "/public/", "/public/x", "/public/admin", "/public/x/admin/users", "/%70ublic/x"}},
		{"plain, admin", "admin", "admin", []string{"/admin", "/admin/", "/admin/users", "/admin/users/", "/admin/public/x", "/admin?x=1", "/admin/users?/public/x", "/admin?", "/admin??"}},
		{"plain, kiosk", "kiosk", "kiosk", []string{"/kiosk", "/kiosk/x"}},
		{"other words", "rest", "rest", []string{"/", "/administrator", "/admin.json", "/publicity", "/@admin", "/~admin", "/admin*", "/*", "/admin'", "/admin!", "/admin:80", "/admin&x", "/admin=", "/admin+", "/admin,", "/admin@x"}},
		{"brackets and the like", "rest", "rest", []string{"/admin^", "/admin|x", `/admin"x`, "/admin`", "/admin{}", "/admin[x]", "/admin<x>"}},
	}
}

func dottedPaths() []spellings {
	long := "/public/" + strings.Repeat("a/", 2000) + strings.Repeat("../", 2000)
	return []spellings{
		{"dot segments up to admin", "admin", "refused", []string{
			"/public/../admin", "/public/../admin/users", "/public/x/../../admin", "/public/../../../admin", "/../admin", "/./admin",
			"/public/./../admin", "/public/././../admin/users", "/admin/.", "/admin/users/..", "/admin/../admin", long + "../admin",
		}},
		{"encoded dot segments up to admin", "admin", "refused", []string{
			"/public/%2e%2e/admin", "/public/%2E%2E/admin", "/public/.%2e/admin", "/public/%2e./admin", "/%2e%2e/admin", "/%2e/admin",
		}},
		{"dot segments to elsewhere", "rest", "refused", []string{"/public/..", "/..", "/.", "/admin/.."}},
		{"dot segments to public", "public", "refused", []string{
			"/public/.", "/public/%2e/x", "/admin/../public/x", "/admin/%2e%2e/public/x", "/public/x/..", "/%61dmin/../public/x", long + "admin",
		}},
		{"dots that are no dot segment", "public", "public", []string{"/public/..admin", "/public/...", "/public/.../admin", "/public/..%20/admin", "/public/..%23/admin", "/public/..%3f/admin"}},
		{"dot segments with parameters", "refused|admin", "refused", []string{"/public/..;/admin", "/public/..;x=y/admin"}},
		{"encoded dot segments with parameters", "refused", "refused", []string{"/public/%2e%2e;/admin", "/public/%2e%2e%3b/admin", "/public/..%3b/admin", "/public/.%2e;x/admin"}},
		{"parameters before dot segments", "admin", "refused", []string{"/public;/../admin", "/public;x=1/../admin"}},
		{"a segment of parameters before dot segments", "refused|admin|public", "refused", []string{"/public/.;/../admin", "/public/;/../admin"}},
		{"parameters", "refused", "refused", []string{
			"/;/admin", "/;x=1/admin", "/admin;", "/admin;x=1", "/admin;x=1/users", "/admin/;/users", "/admin/users;x=1", "/admin%3b", "/admin%3Bx=1/users", "/public/x;/admin",
		}},
	}
}

func encodedPaths() []spellings {
	return []spellings{
		{"encoded twice and more", "refused", "refused", []string{
			"/public/%252e%252e/admin", "/public/%25%32%65%25%32%65/admin", "/public/%25252e%25252e/admin", "/public/%2%65%2%65/admin", "/%2561dmin",
			"/%25%36%31dmin", "/admin%252fusers", "/public/%252e%252e%252fadmin", "/public/%252e%252e%255cadmin",
		}},
		{"overlong UTF-8", "refused", "refused", []string{
			"/public/%c0%ae%c0%ae/admin", "/public/%C0%AE%C0%AE/admin", "/public/..%c0%afadmin", "/public/%e0%80%ae%e0%80%ae/admin", "/public/%e0%80%afadmin",
			"/public%c0%af..%c0%afadmin", "/public/%f0%80%80%ae/admin", "/public/..%c1%9cadmin",
		}},
		{"not UTF-8", "refused", "refused", []string{"/admin%ff", "/admin%ff/users", "/public/%ff", "/admin%a0"}},
		// Envoy writes ! for such a byte in what it says of the path. With raw headers Clerkgate sees both; with joined
		// ones it cannot know. Envoys that clean up encode the byte first.
		{"not UTF-8, as bytes", "refused", "refused|rest", []string{"/admin\xff", "/\xffadmin", "/adm\xe9n"}},
		{"not UTF-8, and gone with a dot segment", "refused|public", "refused", []string{"/public/%ff/../admin", "/public/\xff/../admin"}},
		{"UTF-8 that is not encoded", "refused|rest", "refused", []string{"/álias", "/ádmin"}},
		{"the same below admin", "refused|admin", "refused", []string{"/admin/ü"}},
		{"look-alikes", "public", "public", []string{"/public/%ef%bc%8e%ef%bc%8e/admin", "/public/%ef%bc%8f..%ef%bc%8fadmin", "/public/%e2%80%a4%e2%80%a4/admin"}},
		{"look-alikes of admin", "rest", "rest", []string{"/%ef%bd%81dmin", "/%c3%a1dmin", "/admin%CC%80", "/%d0%b0dmin"}},
		{"line separators", "refused", "refused", []string{"/admin%e2%80%a8", "/admin%e2%80%a9/users", "/public/%e2%80%a8/x"}},
	}
}

func slashedPaths() []spellings {
	return []spellings{
		{"encoded slashes", "refused", "refused", []string{
			"/public/..%2fadmin", "/public/..%2Fadmin", "/public%2f..%2fadmin", "/public%2f../admin", "/%2fadmin", "/%2Fadmin", "/admin%2fusers", "/admin%2Fusers", "/public%2fx", "/ADMIN%2fusers",
		}},
		{"encoded backslashes", "refused", "refused", []string{"/public/..%5cadmin", "/public/..%5Cadmin", "/public%5c..%5cadmin", "/%5cadmin", "/admin%5cusers"}},
		{"backslashes", "admin", "refused", []string{`/public\..\admin`, `/public/..\admin`, `/\admin`, `/admin\users`}},
		{"a backslash in public", "public", "refused", []string{`/public\x`}},
		{"slashes up to admin", "admin", "refused", []string{"//admin", "///admin", "////admin/users", "/public/..//admin", "/admin//", "/admin//users", "//public/../admin", "/.//admin"}},
		{"slashes to public", "public", "refused", []string{"/public//admin", "/public//../admin", "/public//..//..//admin", "//public/x", "/public/http://service.test/admin"}},
		{"slashes that look like an authority", "rest", "refused", []string{"//service.test/admin", "//service.test/public/x", "///service.test/admin", "//service.test@other/admin", "/http://service.test/admin"}},
	}
}

func casedPaths() []spellings {
	return []spellings{
		{"upper case", "refused", "refused", []string{"/ADMIN", "/Admin", "/Admin/users", "/aDMIN/users", "/%41dmin", "/%41DMIN/users", "/PUBLIC/x", "/Public", "/KIOSK", "/Kiosk/x"}},
		{"upper case, and gone with a dot segment", "admin", "refused", []string{"/PUBLIC/../admin"}},
		{"letters that become others when folded", "refused", "refused", []string{
			"/%e2%84%aaiosk", "/%E2%84%AAiosk/x", "/kio%c5%bfk", "/kio%c5%bfk/x", "/kio%c5%bf%e2%84%aa", "/k%C4%B1osk", "/adm%C4%B1n", // K and s of Kelvin and long s, i without dot
			"/k%C4%B0osk/x", "/adm%C4%B0n", "/ADM%C4%B0N/users", // İ: an i to Go's and Java's lower case
		}},
		{"a dot or a space after it", "rest", "rest", []string{"/admin.", "/admin./users", "/admin..", "/admin%2e", "/admin%2e%2e", "/kiosk.", "/admin%20", "/%20admin", "/admin%20/users"}},
		{"what some take for a space", "rest", "rest", []string{"/admin%c2%a0", "/admin%e2%80%8b", "/%ef%bb%bfadmin", "/admin%C2%85"}},
		{"encoded letters", "admin", "admin", []string{"/%61dmin", "/%61%64%6d%69%6e", "/adm%69n/users", "/admin/%75sers"}},
		{"encoded letters below public", "public", "public", []string{"/public/%61dmin", "/public/[x]"}},
	}
}

func brokenPaths() []spellings {
	return []spellings{
		{"NUL", "refused", "refused", []string{"/admin%00", "/admin%00.html", "/%00admin", "/public/%00/../admin", "/public/..%00/admin", "/ad\x00min"}},
		{"encoded control characters", "refused", "refused", []string{
			"/admin%0a", "/admin%0d%0a", "/admin%0d%0ax:y", "/admin%09", "/admin%7f", "/admin%01/users", "/public/..%0d/admin", "/public/..%09/admin", "/public/..%01/admin",
		}},
		{"control characters and spaces", "refused", "refused", []string{
			"/admin\x01", "/public/\x01/../admin", "/admin\x0b", "/admin\x7f", "/a d m i n", "/admin x", "/public /../admin", "/public/x /admin", "/public/.. /admin", "/public\t/../admin", "/public/x\nGET /admin",
		}},
		{"white space before the version", "refused|admin", "refused|admin", []string{"/admin\t", "/admin\r"}},
		{"half an escape", "refused", "refused", []string{
			"/%zz", "/admin/%zz", "/%zz/admin", "/admin%", "/admin%2", "/admin%2x", "/%u0061dmin", "/public/%u002e%u002e/admin", "/%61%zzdmin",
		}},
		{"half an escape, and gone with a dot segment", "public", "refused", []string{"/public/%/../admin", "/public/%2/../admin", "/public/%zz/../admin", "/public/{/../admin", "/public/%23/../admin", "/public/%3f/../admin", "/public/%e2%80%a8/../admin"}},
	}
}

func oddTargets() []spellings {
	return []spellings{
		{"fragments", "refused", "refused", []string{"/admin#", "/admin#/public", "/public#/../admin", "/public/x#/../admin", "/public/../admin#x", "#/admin", "/#/admin", "/public/x?x=../../admin;y#"}},
		{"what looks like a fragment or a query", "rest", "rest", []string{"/admin%23", "/admin%23/users", "/admin%3f", "/admin%3fx=/public"}},
		{"the same before a dot segment", "admin", "refused", []string{"/public%23/../admin", "/public%3f/../admin", "/public%3F/../admin"}},
		{"queries that hold paths", "public", "public", []string{"/public?x=/admin", "/public/x?/../admin", "/public/x?/../../admin", "/public/x?;/%2e%2e/admin", "/public?a=%2e%2e%2fadmin"}},
		{"queries that hold paths, elsewhere", "rest", "rest", []string{"/?/../admin", "/?/public/x"}},

		{"absolute form", "admin", "admin", []string{
			"http://service.test/admin", "http://service.test/admin/users", "http://other.test/admin", "http://service.test:80/admin", "HTTP://service.test/admin",
			"http://user:pass@service.test/admin", "http://service.test@other.test/admin",
		}},
		{"absolute form, to be cleaned up", "admin", "refused", []string{"http://service.test/public/../admin", "http://service.test//admin"}},
		{"absolute form, public", "public", "public", []string{"http://service.test/public/x"}},
		{"absolute form, elsewhere", "rest", "rest", []string{"http://service.test", "http://admin.test/"}},
		{"no path", "refused", "refused", []string{
			"*", "admin", "admin/users", "public/../admin", "?/../admin", `\admin`, "service.test:80", "service.test/admin", "http://service.test?/admin",
			`http://service.test\admin`, "http:/admin", "http:admin", "http:///admin", "https://service.test/admin", "ftp://service.test/admin",
		}},
		{"longer than Envoy reads", "refused", "refused", []string{"/public/" + strings.Repeat("a/", 35<<10) + "../admin"}},
	}
}

// trick is a request whose method or headers point somewhere else than its
// target. It is decided by the target alone.
type trick struct {
	method, target, header string
	route                  string
}

func pathTricks() []trick {
	var all []trick
	for _, name := range []string{
		"X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Envoy-Original-Path", "X-Envoy-Original-Dst-Host", "X-Forwarded-Prefix", "X-Forwarded-URI",
		"X-Forwarded-Path", "X-Forwarded-Host", "X-Script-Name", "X-Accel-Redirect", "X-HTTP-Path-Override", "Referer", "Location", "Path", "X-Envoy-Decorator-Operation",
	} {
		all = append(all,
			trick{"GET", "/public/x", name + ": /admin/users", "public"},
			trick{"GET", "/admin/users", name + ": /public/x", "admin"},
			trick{"GET", "/other", name + ": /admin/users", "rest"})
	}
	for _, override := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		all = append(all, trick{"GET", "/admin/users", override + ": OPTIONS", "admin"}, trick{"POST", "/admin/users", override + ": HEAD", "admin"})
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		all = append(all, trick{method, "/admin/users", "Origin: https://app.example.com", "admin"})
	}
	for _, method := range []string{"get", "Get", "FOO", "admin", "GET-"} { // over HTTP/1.1 Envoy has a list of methods
		all = append(all, trick{method, "/admin/users", "Origin: https://app.example.com", "refused|admin"})
	}
	return append(all,
		trick{"HEAD", "/admin/users", "X-A: b", "admin"},
		trick{"HEAD", "/public/../admin/users", "X-A: b", "refused|admin"},
		trick{"OPTIONS", "/admin/users", "Access-Control-Request-Method: GET", "admin"},
		trick{"CONNECT", "/admin/users", "X-A: b", "refused"},
		trick{"CONNECT", "service.test:80", "X-A: b", "refused"},
		trick{"GET", "/admin/users", "Upgrade: websocket", "admin"},
		trick{"GET", "/admin/users", "Host: public.test", "refused|admin"}, // two of them
	)
}
