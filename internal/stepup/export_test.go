package stepup

// Worked lets tests solve a demand as a client does.
func Worked(d Demand, counter string) bool { return d.worked(counter) }
