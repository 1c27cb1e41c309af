package parity_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"sync"
	"testing"

	"github.com/clerkgate/clerkgate/internal/clerk"
)

var update = flag.Bool("update", false, "ask the SDK for the stored answers anew")

// TestStored holds Clerkgate against the stored answers of the SDK.
func TestStored(t *testing.T) {
	q := theQuestions(t)
	cases := generateAll(storedSeed, 0, storedCount)
	header, err := wantHeader(cases, q.params())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if missing := sdkMissing(); missing != "" {
			t.Fatal(missing)
		}
		answers, err := askSDK(cases, q.params())
		if err != nil {
			t.Fatal(err)
		}
		if err = storeAnswers(header, answers); err != nil {
			t.Fatal(err)
		}
	}
	answers, err := storedAnswers(header)
	if err != nil {
		t.Fatal(err)
	}
	sum := newTally(storedSeed)
	compareAll(t, sum, q, 0, cases, answers)
	sum.report(t, true)
}

// TestFresh holds Clerkgate against the SDK itself, with cases that nobody has
// seen before: PARITY_CASES of them, 500 if it is not set, of PARITY_SEED, or of
// a random seed. PARITY_CASE has it look at one case alone.
func TestFresh(t *testing.T) {
	if missing := sdkMissing(); missing != "" {
		needSDK(t, missing)
	}
	seed := number(t, "PARITY_SEED", rand.Uint64()>>32)
	count := int(number(t, "PARITY_CASES", 500))
	t.Logf("PARITY_SEED=%d", seed)
	q := theQuestions(t)
	if os.Getenv("PARITY_CASE") != "" {
		showOne(t, q, seed, number(t, "PARITY_CASE", 0))
		return
	}
	sum := newTally(seed)
	const batch = 5000 // so that a long run needs no more memory than a short one
	for from := 0; from < count; from += batch {
		cases := generateAll(seed, from, min(batch, count-from))
		answers, err := askSDK(cases, q.params())
		if err != nil {
			t.Fatal(err)
		}
		compareAll(t, sum, q, from, cases, answers)
	}
	sum.report(t, count >= enoughToJudge)
}

// needSDK ends a test that cannot go on without the SDK. Where the SDK is
// required, as in CI, that is a failure.
func needSDK(t *testing.T, missing string) {
	t.Helper()
	if os.Getenv("CI") != "" || os.Getenv("CLERKGATE_REQUIRE_SDK") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

func theQuestions(t *testing.T) *questions {
	t.Helper()
	q, err := newQuestions()
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// number reads a number from the environment.
func number(t testing.TB, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// compareAll puts cases, of which the first has the number from, to Clerkgate
// and counts how its answers compare.
func compareAll(t *testing.T, sum *tally, q *questions, from int, cases []*testCase, answers []*answer) {
	t.Helper()
	const remembered = 200 // small enough to be full, and then some
	fresh := &engine{asks: q, keys: loadKeys()}
	cached := &engine{asks: q, keys: fresh.keys, cache: clerk.NewCache(remembered)}
	reloaded := &engine{asks: q, keys: loadKeys(), cache: cached.cache}
	lists := neededLists(t)
	for i, c := range cases {
		mine, err := fresh.judge(c)
		if err != nil {
			t.Fatalf("case %d of seed %d (%s): %v", from+i, sum.seed, c.told(), err)
		}
		sum.add(from+i, c, answers[i], mine)
		for visit, e := range []*engine{cached, cached, reloaded} {
			again, err := e.judge(c)
			if err != nil || !reflect.DeepEqual(again, mine) {
				sum.cacheFailures = append(sum.cacheFailures, fmt.Sprintf("case %d of seed %d (%s): the cache changes the answer at visit %d: %v\n%s\nwithout it:\n%s", from+i, sum.seed, c.told(), visit+1, err, readable(again), readable(mine)))
			}
		}
		if again, err := cached.judge(c.lean(lists[c.ours.accepts])); err != nil || !reflect.DeepEqual(again, mine) {
			t.Fatalf("case %d of seed %d (%s): with the needed headers alone the answer is another: %v\n%s\nwith all:\n%s", from+i, sum.seed, c.told(), err, readable(again), readable(mine))
		}
	}
}

// generateAll builds count cases of a seed from number from on.
func generateAll(seed uint64, from, count int) []*testCase {
	out := make([]*testCase, count)
	var wg sync.WaitGroup
	const workers = 4
	for w := range workers {
		wg.Go(func() {
			for i := w; i < count; i += workers {
				out[i] = generate(seed, uint64(from+i))
			}
		})
	}
	wg.Wait()
	return out
}
