package pki

// Kept tells how many certificates a keeps.
func Kept(a *Authority) int { return len(a.leaves) }
