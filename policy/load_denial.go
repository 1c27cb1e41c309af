package policy

import "go.yaml.in/yaml/v4"

// modes reads what policies and routes may both say. What a route does not say
// is as the policy has it.
func modes(o *object, shadow, preflightPass bool) (_, _ bool) {
	shadow = choose(o, "mode", shadow, []choice[bool]{{"enforce", false}, {"shadow", true}})
	return shadow, choose(o, "preflight", preflightPass, []choice[bool]{{"check", false}, {"pass", true}})
}

// routeModes reads them for a route.
func (l *loader) routeModes(r *Route, o *object, p *Policy) {
	r.Shadow, r.PreflightPass = modes(o, p.Shadow, l.preflightPass)
	if r.Shadow && !p.Shadow {
		l.report(Note, place(o.fields["mode"]), "mode: shadow enforces nothing: who would be denied passes", "write enforce, or drop the line, when it is to count")
	}
	if n, there := o.fields["preflight"]; there && r.PreflightPass && (r.Access == AccessDeny || r.Access == AccessWebhook) {
		l.fail(place(n), "preflight: pass has no meaning here: browsers call neither closed routes nor webhooks", "drop it")
	}
}

// onDeny reads how a route answers where it denies.
func (l *loader) onDeny(r *Route, o *object) {
	d := o.object("onDeny", inOnDeny)
	if d == nil {
		return
	}
	if r.Access == AccessPublic {
		l.fail(place(o.fields["onDeny"]), "onDeny on a route with access: public is never looked at", "nobody is denied there; drop it")
	}
	l.hide(r, d)
	t, ok := d.text("redirect")
	if !ok {
		return
	}
	r.OnDeny.Redirect = l.judged(t, checkPage)
	switch {
	case r.OnDeny.Hide:
		l.fail(t.Pos, "a route that is hidden sends nobody elsewhere", "drop status or redirect")
	case r.Access == AccessWebhook:
		l.fail(t.Pos, "redirect is for browsers, and a webhook is sent by none", "drop it")
	case r.Access == AccessOptional:
		l.fail(t.Pos, "redirect replaces 403, and a route with access: optional never answers that", "drop it")
	}
}

// hide reads status, which has one meaning only.
func (l *loader) hide(r *Route, d *object) {
	n, there := d.fields["status"]
	if !there || l.broken[n] {
		return
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Value != "404" {
		l.fail(place(n), "status is 404 and nothing else", "404 hides the route; leave status out to answer 401 and 403")
		return
	}
	r.OnDeny.Hide = true
}
