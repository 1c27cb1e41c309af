package policy

// What a condition can be besides true and false: it could not be evaluated. Each
// of these codes is a reason for that. They stay inside this package: a request
// is denied with condition-failed for all of them. A nest passes them on, because
// what is not known must not become true by a not around it.
const (
	brokenSomehow Code = "!"
	brokenAbsent  Code = "!absent"
	brokenType    Code = "!type"
	brokenNumber  Code = "!number"
	brokenCost    Code = "!cost"
	brokenQuery   Code = "!query"
	brokenClaims  Code = "!claims"
	brokenUnknown Code = "!unknown"
	brokenResult  Code = "!result"
)

// broken reports whether a condition could not be evaluated.
func (c Code) broken() bool { return c != "" && c[0] == '!' }

// because says why a condition could not be evaluated. The sentences are fixed, so
// that nothing of a request can be in them.
func (c Code) because() string {
	const sentence = "a condition could not be evaluated: "
	switch c {
	case brokenAbsent:
		return sentence + "something that it reads is not there"
	case brokenType:
		return sentence + "a value is of another type than it takes"
	case brokenNumber:
		return sentence + "a number or time is out of range"
	case brokenCost:
		return sentence + "it takes too long"
	case brokenQuery:
		return sentence + "the query of the request is malformed"
	case brokenClaims:
		return sentence + "the claims cannot be read"
	case brokenUnknown:
		return sentence + "something that it reads is not known here"
	case brokenResult:
		return sentence + "its result is neither true nor false"
	}
	return "a condition could not be evaluated"
}

// public is the code that a client and a log get to see.
func (c Code) public() Code {
	if c.broken() {
		return CodeConditionFailed
	}
	return c
}
