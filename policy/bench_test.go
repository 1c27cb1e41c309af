package policy

import (
	"fmt"
	"strings"
	"testing"
)

// manyRoutes is a policy as large services have it.
func manyRoutes(n int) string {
	var b strings.Builder
	b.WriteString("version: 1\nroutes:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: r%d, path: '/service%d/orgs/{org}/items/*', methods: [GET], require: {org: '{org}'}}\n", i, i)
	}
	return b.String()
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		p := load(b, manyRoutes(n))
		for name, raw := range map[string]string{"lower": "/service7/orgs/acme/items/1", "upper": "/service7/orgs/org_2AbC/items/1", "none": "/service7/orgs/acme/other"} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					path, err := p.ReadPath(raw)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := p.Match(&Request{Method: "GET", Host: "app.acme.com", Path: path}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	p := load(b, `version: 1
routes:
  - name: a
    path: "/orgs/{org}"
    require: {org: "{org}", role: [billing, admin], permission: org:invoices:manage, feature: [a, org:b], plan: gold, reverification: strict}
`)
	_, m := ask(b, p, "GET", "", "/orgs/acme", nil)
	id := who("admin")
	id.OrgFeatures, id.UserPlans, id.FactorAges = []string{"a", "b"}, []string{"gold"}, []float64{1, -1}
	b.ReportAllocs()
	for b.Loop() {
		if Decide(m, id, nil).Outcome != Passed {
			b.Fatal("denied")
		}
	}
}

func BenchmarkWhen(b *testing.B) {
	for name, expression := range map[string]string{
		"typical":     `request.method == "GET" && claims.metadata.tenant == params.org && "staff" in claims.groups`,
		"headers":     `"x-tier" in request.headers && request.headers["x-tier"] == "gold"`,
		"permissions": `identity.org.permissions.exists(p, p.startsWith("org:invoices:"))`,
		"expression":  `request.path.matches("^/orgs/[a-z]+/invoices/[0-9]+$")`,
		"time":        `now.getHours("Europe/Berlin") < 18 && now.getDayOfWeek("Europe/Berlin") in [1, 2, 3, 4, 5]`,
	} {
		b.Run(name, func(b *testing.B) {
			m, id := ordinary().matched(b, when(expression)), withClaims("admin", ordinaryClaims)
			b.ReportAllocs()
			for b.Loop() {
				if Decide(m, id, nil).Outcome != Passed {
					b.Fatal("denied")
				}
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		src := []byte(manyRoutes(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, problems := Load("policy.yaml", src, Options{Env: environ}); problems.Err() != nil {
					b.Fatal(problems.Err())
				}
			}
		})
		b.Run(fmt.Sprintf("%d/lints", n), func(b *testing.B) {
			p, l := readPolicy("policy.yaml", src, Options{Env: environ})
			for b.Loop() {
				l.lint(p)
			}
		})
	}
}
