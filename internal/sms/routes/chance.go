package routes

import "math"

// chance is how likely it is that of two providers that are alike the first has so
// small a share of what is good, or a smaller one, given how many are good of both
// together: Fisher's exact test, one-sided. It holds for few texts too, where those by
// the normal distribution do not, and errs by being too careful, which suits a
// question that is put again every few seconds.
func chance(first, second tally) float64 {
	n, m := math.Round(first.all), math.Round(second.all)
	x := math.Min(math.Round(first.good), n)
	good := x + math.Min(math.Round(second.good), m)
	least := math.Max(0, good-m)
	p := math.Exp(lnBinomial(n, x) + lnBinomial(m, good-x) - lnBinomial(n+m, good))
	sum := p
	for ; x > least && p > sum*1e-12; x-- {
		// of the hypergeometric distribution at x-1 and at x
		p *= x * (m - good + x) / ((good - x + 1) * (n - x + 1))
		sum += p
	}
	return math.Min(sum, 1)
}

// lnBinomial is the logarithm of the binomial coefficient.
func lnBinomial(n, k float64) float64 { return lgamma(n+1) - lgamma(k+1) - lgamma(n-k+1) }

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}
