package anchor

// stride is how many tokens are compared at once: an array is compared by whole words.
const stride = 32

// agree is how many tokens both lists begin with.
func agree[T ~int32](a, b []T) (n int) {
	shorter := min(len(a), len(b))
	for n+stride <= shorter && [stride]T(a[n:]) == [stride]T(b[n:]) {
		n += stride
	}
	for n < shorter && a[n] == b[n] {
		n++
	}
	return n
}

// agreeBack is how many tokens both lists end with, and most at the most.
func agreeBack[T ~int32](a, b []T, most int) (n int) {
	most = min(most, len(a), len(b))
	for n+stride <= most && [stride]T(a[len(a)-n-stride:]) == [stride]T(b[len(b)-n-stride:]) {
		n += stride
	}
	for n < most && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}
