package parity_test

// oddTypes are claims of a type that Clerk does not give them, audiences and
// permission masks that can be read in more than one way.
func oddTypes() []change {
	types := func(name string, weight int, do func(*draft)) change {
		return change{name, weight, func(d *draft) { d.odd(entryTypes); do(d) }}
	}
	return []change{
		types("sid of another type", 1, func(d *draft) { d.payload["sid"] = d.alien() }),
		types("version of another type", 2, func(d *draft) { d.payload["v"] = d.g.pickAny("2", nil, true, []any{2}) }),
		types("unknown session status", 2, func(d *draft) { d.payload["sts"] = d.g.pickAny("ended", "", nil, 1, "Pending") }),
		types("o of another type", 2, func(d *draft) { d.payload["v"], d.payload["o"] = 2, d.g.pickAny(nil, "org_1", 1, []any{}, false) }),
		types("organisation of another type", 2, func(d *draft) { d.organisation(d.g.pick("id", "slg", "rol"), d.alien()) }),
		types("permissions of another type", 2, func(d *draft) {
			d.payload["org_permissions"] = d.g.pickAny("org:a:read", nil, []any{1}, []any{nil}, object{})
		}),
		types("malformed fea", 3, func(d *draft) { d.payload["fea"] = d.g.pickAny("bad", "o:a,bad", "", ",", nil, 5, []any{"o:a"}) }),
		types("malformed pla", 1, func(d *draft) { d.payload["pla"] = d.g.pickAny("bad", nil, 5, []any{"o:a"}) }),
		types("malformed fva", 2, func(d *draft) {
			d.payload["fva"] = d.g.pickAny(nil, []any{1}, []any{1, 2, 3}, []any{-2, 5}, []any{"1", 2}, []any{nil, 1}, 5, "0,0")
		}),
		types("malformed permissions", 2, func(d *draft) { d.permissions(d.g.pickAny("read,,write", "a b", 5, nil, "é", []any{"read"}), "3,1") }),
		types("malformed masks", 3, func(d *draft) {
			d.permissions("read,manage", d.g.pickAny("1x,2", "-1,3", "1.5", ",1", 3, nil, []any{1}))
		}),
		types("actor of another type", 1, func(d *draft) { d.payload["act"] = d.g.pickAny(nil, "user_admin", object{}, object{"sub": 5}, []any{}) }),
		types("issuer of another type", 1, func(d *draft) { d.payload["iss"] = d.g.pickAny(nil, 5, []any{"a"}, true); d.unpinned() }),
		types("iat of another type", 1, func(d *draft) { d.payload["iat"] = d.g.pickAny(nil, "1700000000", []any{}, true) }),
		types("exp of another type", 1, func(d *draft) { d.payload["exp"] = d.g.pickAny(nil, []any{}, true, object{}) }),
		{"alien audience", 6, func(d *draft) {
			d.odd(entryAudience)
			d.payload["aud"] = d.g.pickAny(object{}, object{"a": "a"}, []any{"a", 5}, nil, 5, true, []any{nil})
		}},
		{"masks with two readings", 16, func(d *draft) {
			d.odd(entryMasks)
			d.payload["fea"] = d.g.pick("u:x,o:a,o:b", "u:x,o:b", "u:x,uo:a,u:y,o:b", "x:y,o:a")
			d.permissions("read,manage", d.g.pick("0,1", "1,0", "3,1,2", "2,2,2", "1,3,0,1"))
		}},
	}
}

// alien is a value that no claim of text may have.
func (d *draft) alien() any { return d.g.pickAny(nil, 5, true, false, []any{"a"}, object{}) }

// permissions gives the token an organisation of version 2 with these claims.
func (d *draft) permissions(per, fpm any) {
	d.payload["v"] = 2
	o, ok := d.payload["o"].(object)
	if !ok {
		o = object{"id": "org_1", "rol": "admin"}
		d.payload["o"] = o
	}
	if _, ok := d.payload["fea"]; !ok {
		d.payload["fea"] = "o:a,o:b"
	}
	o["per"], o["fpm"] = per, fpm
}
