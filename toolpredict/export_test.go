package toolpredict

// Kept is how many nodes the model keeps, for a tenant or, with "*", in all.
func (m *Model) Kept(tenant string) int {
	if tenant == "*" {
		return len(m.nodes.byKey)
	}
	if of := m.nodes.tenants[tenant]; of != nil {
		return of.latest.Len()
	}
	return 0
}
