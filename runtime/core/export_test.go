package core

// PricesLeft is how many prices more the last Step could have made anew, and how many due ones it
// may make in all.
func (m *Machine) PricesLeft() (left, may int) { return m.prices, pricesAStep }
