package toolpredict

// Kept is how many nodes the model keeps.
func (m *Model) Kept() int { return m.nodes.order.Len() }
