package e2e_test

import (
	envoyconfig "github.com/clerkgate/clerkgate/deploy/envoy"
	"github.com/clerkgate/clerkgate/internal/envoytest"
)

// behindProxy is an Envoy that has one proxy in front, and so believes what
// X-Forwarded-Proto says.
func behindProxy(c *envoytest.Config) {
	c.Patch = func(d *envoyconfig.Document) error { return d.Set(envoyconfig.Manager("xff_num_trusted_hops"), 1) }
}

// browserGroups are the rows of applications that are no satellites.
func browserGroups() []group {
	proxied := []string{"proxyUrl: https://example.com/clerk"}
	return []group{
		{name: "development", rows: developmentRows},
		{name: "development, forwarded", envoy: behindProxy, rows: func(k *kit) []row { return forwardedRows(k, "32", "34") }},
		{name: "development, foreign key", foreign: true, rows: developmentForeignKeyRows},
		{name: "development, proxy", settings: proxied, rows: func(k *kit) []row { return proxyRows(k, "10") }},
		{name: "production", live: true, rows: productionRows},
		{name: "production, forwarded", live: true, envoy: behindProxy, rows: func(k *kit) []row { return forwardedRows(k, "33", "35") }},
		{name: "production, foreign key", live: true, foreign: true, rows: productionForeignKeyRows},
		{name: "production, proxy", live: true, settings: proxied, rows: func(k *kit) []row { return proxyRows(k, "11") }},
	}
}

func developmentRows(k *kit) []row {
	return append(developmentAnswerRows(k), []row{
		{name: "1 signed in", session: k.active, uat: "iat", browser: true, want: want{user: tableUser}},
		{name: "2 signed in, header", session: k.active, bearer: true, uat: "iat", browser: true, want: want{user: tableUser}},
		{name: "5 expired", session: k.expired, uat: "iat", browser: true, want: want{reason: expiredReason}},
		{name: "8 early", session: k.early, uat: "iat", browser: true, want: want{reason: nbfReason}},
		{name: "9 early, header", session: k.early, bearer: true, uat: "iat", browser: true, want: want{reason: nbfReason}},
		// The policy has no way to name the domain of an application that is no
		// satellite, which the SDK would not look at anyway.
		{name: "12 domain, no satellite", session: k.expired, uat: "iat", browser: true, want: want{reason: expiredReason}},
		{name: "15 client_uat alone", uat: "1", browser: true, want: want{reason: "client-uat-but-no-session-token"}},
		{name: "17 client_uat 0", open: true, uat: "0", browser: true},
		{name: "19 no client_uat", open: true, browser: true},
		{name: "29 no development browser", want: want{reason: "dev-browser-missing"}},
		{name: "30 path and query", target: "/hello?foo=bar", session: k.expired, uat: "iat", browser: true, want: want{reason: expiredReason}},
		{name: "41 external visit", target: "/?__clerk_db_jwt=asdf", browser: true, want: want{
			reason: "dev-browser-sync", back: "http://localhost:3000/", browser: "asdf",
		}},
		// Beyond the table: without a proxy in front, nobody's word counts.
		{name: "32 forwarded by the client", headers: []string{"X-Forwarded-Proto: https"}, session: k.expired, uat: "iat", browser: true, want: want{reason: expiredReason}},
	}...)
}

// developmentAnswerRows bring the answer of a handshake in the query. A
// development instance sends on to the page without it.
func developmentAnswerRows(k *kit) []row {
	const home = "http://localhost:3000/"
	answered := func(name string, directives ...string) row {
		return row{name: name, target: "/?__clerk_handshake=" + k.answer(directives...), browser: true, want: want{location: home, setCookies: directives}}
	}
	cookie := func(s session) string { return "__session=" + s.raw + ";path=/" }
	return []row{
		answered("36 handshake result", cookie(k.active), "foo=bar;path=/;domain=example.com"),
		answered("37 the clock is behind", cookie(k.early), "foo=bar;path=/;domain=example.com"),
		answered("38 the clock is ahead", cookie(k.expired), "foo=bar;path=/;domain=example.com"),
		answered("40 new development browser", cookie(k.active), "__clerk_db_jwt=asdf;path=/"),
	}
}

// developmentForeignKeyRows: the SDK throws, and its framework answers 500. Here
// the answer that nobody made is refused, and no page can mend that.
func developmentForeignKeyRows(k *kit) []row {
	target := "/?__clerk_handshake=" + k.answer("__session="+k.active.raw+";path=/", "foo=bar;path=/;domain=example.com")
	return []row{{name: "39 mismatched keys", target: target, browser: true, want: want{code: "token-invalid-signature", reason: "token-invalid-signature"}}}
}

func productionRows(k *kit) []row {
	cookie := func(s session) string { return "__session=" + s.raw + ";path=/" }
	const other = "foo=bar;path=/;domain=example.com"
	answer := func(s session) []string { return []string{"__clerk_handshake=" + k.answer(cookie(s), other)} }
	return []row{
		{name: "3 signed in", session: k.active, uat: "iat", want: want{user: tableUser}},
		{name: "4 signed in, header", session: k.active, bearer: true, uat: "iat", noDest: true, want: want{user: tableUser}},
		{name: "6 expired", session: k.expired, uat: "iat", want: want{reason: expiredReason}},
		{name: "7 expired, header", session: k.expired, bearer: true, uat: "iat", want: want{reason: expiredReason}},
		{name: "13 domain, no satellite", session: k.expired, uat: "iat", want: want{reason: expiredReason}}, // as row 12
		{name: "16 client_uat alone", uat: "1", want: want{reason: "client-uat-but-no-session-token"}},
		{name: "18 client_uat 0", open: true, uat: "0"},
		{name: "20 no cookies", open: true},
		{name: "31 path and query", target: "/hello?foo=bar", session: k.expired, uat: "iat", want: want{reason: expiredReason}},
		{name: "42 handshake result", cookies: answer(k.active), want: want{user: tableUser, setCookies: []string{cookie(k.active), other}}},
		{name: "43 the clock is behind", open: true, cookies: answer(k.early)},
		{name: "44 a stale handshake", cookies: answer(k.expired), session: k.expired, uat: "iat", want: want{reason: expiredReason}},
	}
}

func productionForeignKeyRows(k *kit) []row {
	answer := k.answer("__session="+k.active.raw+";path=/", "foo=bar;path=/;domain=example.com")
	return []row{{name: "45 mismatched keys", open: true, cookies: []string{"__clerk_handshake=" + answer}}}
}

func proxyRows(k *kit, number string) []row {
	return []row{{name: number + " proxy", session: k.expired, uat: "iat", browser: k.Development(), want: want{
		reason: expiredReason, endpoint: "https://example.com/clerk/v1/client/handshake",
	}}}
}

// forwardedRows come through another proxy, which the browser knows by another
// name than the service does.
func forwardedRows(k *kit, name, port string) []row {
	forwarded := func(row row, host string) row {
		row.target, row.session, row.uat, row.browser = "/hello?foo=bar", k.expired, "iat", k.Development()
		row.headers = []string{"X-Forwarded-Host: " + host, "X-Forwarded-Proto: https"}
		row.want = want{reason: expiredReason, back: "https://" + host + row.target}
		return row
	}
	return []row{
		forwarded(row{name: name + " forwarded"}, "example.com"),
		forwarded(row{name: port + " forwarded with a port"}, "example.com:3213"),
	}
}
