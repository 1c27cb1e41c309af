package suite

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"time"

	"github.com/clerkgate/clerkgate/policy"
)

// Record is a result as reports for programs have it.
type Record struct {
	File string      `json:"file"`
	Name string      `json:"name"`
	As   string      `json:"as"`
	Pass bool        `json:"pass"`
	Got  Got         `json:"got"`
	Want Expectation `json:"want"`

	// Why it did not pass on one line, and an explanation of the decision.
	Why, Explanation string        `json:"-"`
	Duration         time.Duration `json:"-"`
}

// NewRecord records a result. The explanation may be empty.
func NewRecord(r *Result, explanation string) Record {
	return Record{
		File: r.File, Name: r.Case.Name, As: r.Case.As, Pass: r.Pass, Got: r.Got, Want: r.Case.Want,
		Why: r.Why(), Explanation: explanation, Duration: r.Duration,
	}
}

// WriteJSON writes {tests, coverage}.
func WriteJSON(w io.Writer, tests []Record, coverage Summary) error {
	if tests == nil {
		tests = []Record{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Tests    []Record `json:"tests"`
		Coverage Summary  `json:"coverage"`
	}{tests, coverage})
}

// The JUnit XML that CI systems read: the form of Ant's junitreport task, with the
// attributes that they agree about.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`

		took time.Duration
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`

		took time.Duration
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Error   *junitFailure `xml:"error,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes JUnit XML with a suite for each of the files. Problems are
// errors of the suite of their test file, which broken names.
func WriteJUnit(w io.Writer, files []string, tests []Record, broken map[string]policy.Problems) error {
	all := junitSuites{Name: "clerkgate"}
	for _, file := range files {
		all.add(newJUnitSuite(file, tests, broken[file]))
	}
	all.Time = seconds(all.took)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (all *junitSuites) add(s junitSuite) {
	all.Tests, all.Failures, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors
	all.took += s.took
	all.Suites = append(all.Suites, s)
}

func newJUnitSuite(file string, tests []Record, problems policy.Problems) junitSuite {
	s := junitSuite{Name: file}
	for i := range tests {
		if tests[i].File == file {
			s.test(&tests[i])
		}
	}
	for _, p := range problems {
		s.Errors++
		s.Cases = append(s.Cases, junitCase{
			Name: fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col), Class: file, File: file, Time: seconds(0),
			Error: &junitFailure{p.Message, p.Severity.String(), p.String()},
		})
	}
	s.Tests = len(s.Cases)
	s.Time = seconds(s.took)
	return s
}

func (s *junitSuite) test(r *Record) {
	c := junitCase{Name: r.Name + " [" + r.As + "]", Class: r.File, File: r.File, Time: seconds(r.Duration)}
	if !r.Pass {
		s.Failures++
		c.Failure = &junitFailure{r.Why, "expectation", r.Explanation}
	}
	s.took += r.Duration
	s.Cases = append(s.Cases, c)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
