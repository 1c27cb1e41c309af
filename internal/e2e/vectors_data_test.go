package e2e_test

// The examples of RFC 7515 appendix A and RFC 7520 section 4.
const (
	// The payload of RFC 7515 A.1 to A.3 and A.5: {"iss":"joe",…}, with line breaks.
	joe = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	// The payload of RFC 7520 section 4, a sentence of prose.
	frodo = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlv" +
		"dSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
	// The moduli of RFC 7515 A.2 and RFC 7520 section 3.3. Both exponents are AQAB.
	modulus7515 = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_" +
		"YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD" +
		"Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
	modulus7520 = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL" +
		"-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzw" +
		"OHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw"
)

// Keys as JWK. The public half is all that it takes.
const (
	rsa7515  = `{"kty":"RSA","n":"` + modulus7515 + `","e":"AQAB"}`
	rsa7520  = `{"kty":"RSA","n":"` + modulus7520 + `","e":"AQAB"}`
	hmac7515 = `{"kty":"oct","k":"` + "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow" + `"}`
	hmac7520 = `{"kty":"oct","k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"}`
	p256     = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	p5217515 = `{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",` +
		`"y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`
	p5217520 = `{"kty":"EC","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",` +
		`"y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}`
)

// vector is one example. Each is genuine: its signature is good for its key.
type vector struct {
	name      string
	algorithm string // "" for the one without a signature
	key       string // JWK
	token     string // compact
	detached  string // payload that the compact form leaves out
	// pinned is what the sidecar answers when the RSA key of the same RFC is its
	// own, whatever the token says of a key id; fetched, when it has keys of its own.
	pinned, fetched string
}

func vectors() []vector {
	return []vector{
		{
			name: "RFC 7515 A.1", algorithm: "HS256", key: hmac7515, pinned: badAlgorithm, fetched: unknownID,
			token: "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + joe + "." +
				"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		},
		{
			name: "RFC 7515 A.2", algorithm: "RS256", key: rsa7515, pinned: failed, fetched: unknownID,
			token: "eyJhbGciOiJSUzI1NiJ9." + joe + "." +
				"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQ" +
				"jbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqt" +
				"FZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
		},
		{
			name: "RFC 7515 A.3", algorithm: "ES256", key: p256, pinned: badAlgorithm, fetched: unknownID,
			token: "eyJhbGciOiJFUzI1NiJ9." + joe + "." +
				"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
		},
		{
			name: "RFC 7515 A.4", algorithm: "ES512", key: p5217515, pinned: invalid, fetched: invalid,
			token: "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA." +
				"AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpR" +
				"wcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
		},
		{
			name: "RFC 7515 A.5", algorithm: "", key: "", pinned: badAlgorithm, fetched: unknownID,
			token: "eyJhbGciOiJub25lIn0." + joe + ".",
		},
		{
			name: "RFC 7520 4.1", algorithm: "RS256", key: rsa7520, pinned: invalid, fetched: invalid,
			token: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + frodo + "." +
				"MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-" +
				"Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrD" +
				"aLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
		},
		{
			name: "RFC 7520 4.2", algorithm: "PS384", key: rsa7520, pinned: invalid, fetched: invalid,
			token: "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + frodo + "." +
				"cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMx" +
				"bbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8c" +
				"BE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
		},
		{
			name: "RFC 7520 4.3", algorithm: "ES512", key: p5217520, pinned: invalid, fetched: invalid,
			token: "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." + frodo + "." +
				"AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0l" +
				"w-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
		},
		{
			name: "RFC 7520 4.4", algorithm: "HS256", key: hmac7520, pinned: invalid, fetched: invalid,
			token: "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9." + frodo + "." +
				"s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
		},
		{
			name: "RFC 7520 4.5", algorithm: "HS256", key: hmac7520, pinned: invalid, fetched: invalid,
			token: "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.." +
				"s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
			detached: frodo,
		},
		{
			name: "RFC 7520 4.6", algorithm: "HS256", key: hmac7520, pinned: invalid, fetched: invalid,
			token: "eyJhbGciOiJIUzI1NiJ9." + frodo + "." +
				"bWUSVaxorn7bEF1djytBd0kHv70Ly5pvbomzMWSOr20",
		},
		{
			name: "RFC 7520 4.8, first signature", algorithm: "RS256", key: rsa7520, pinned: invalid, fetched: invalid,
			token: "eyJhbGciOiJSUzI1NiJ9." + frodo + "." +
				"MIsjqtVlOpa71KE-Mss8_Nq2YH4FGhiocsqrgi5NvyG53uoimic1tcMdSg-qptrzZc7CG6Svw2Y13TDIqHzTUrL_lR2ZFcryNFiHkSw129EghGpwkpxaTn_T" +
				"HJTCglNbADko1MZBCdwzJxwqZc-1RlpO2HibUYyXSwO97BSe0_evZKdjvvKSgsIqjytKSeAMbhMBdMma622_BG5t4sdbuCHtFjp9iJmkio47AIwqkZV1aIZs" +
				"v33uPUqBBCXbYoQJwt7mxPftHmNlGoOSMxR_3thmXTCm4US-xiNOyhbm8afKK64jU6_TPtQHiJeQJxz9G3Tx-083B745_AfYOnlC9w",
		},
		{
			name: "RFC 7520 4.8, third signature", algorithm: "HS256", key: hmac7520, pinned: invalid, fetched: invalid,
			token: "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9." + frodo + "." +
				"s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
		},
	}
}
