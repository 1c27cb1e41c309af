package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// quantile is the smallest value that a share q of the values, which are sorted,
// does not exceed; 0 if there are none.
func quantile[T float64 | int64](sorted []T, q float64) T {
	if len(sorted) == 0 {
		var none T
		return none
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// median is that of values in any order.
func median(values []float64) float64 {
	return quantile(slices.Sorted(slices.Values(values)), 0.5)
}

// middle is the median with the middle half of the values.
func middle(values []float64) (low, median, high float64) {
	sorted := slices.Sorted(slices.Values(values))
	return quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)
}

// ratios divides the values of each round.
func ratios(values, by []float64) []float64 {
	out := make([]float64, min(len(values), len(by)))
	for i := range out {
		out[i] = values[i] / by[i]
	}
	return out
}

// figure writes ratios of several rounds: their median, and in parentheses their
// middle half.
func figure(values []float64) string {
	low, median, high := middle(values)
	return fmt.Sprintf("%.2f (%.2f–%.2f)", median, low, high)
}

// significant writes a number with three digits that count, and whole ones in full.
func significant(v float64) string {
	if math.Abs(v) >= 100 || v == math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', max(0, 2-int(math.Floor(math.Log10(math.Abs(v))))), 64)
}
