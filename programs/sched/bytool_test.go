package sched

import (
	"fmt"
	"testing"
)

// TestToolsAreBounded: what a policy knows of a tool it keeps, until there are too many names.
func TestToolsAreBounded(t *testing.T) {
	tools := byTool[int]{}
	*tools.of("pytest") = 7
	for i := range mostTools - 1 {
		tools.of(fmt.Sprint("tool-", i))
	}
	if len(tools) != mostTools || *tools.of("pytest") != 7 {
		t.Fatalf("of %d tools, pytest is known as %d", len(tools), *tools.of("pytest"))
	}
	for i := range 10 * mostTools {
		tools.of(fmt.Sprint("other-", i))
	}
	if len(tools) > mostTools {
		t.Errorf("%d tools are kept", len(tools))
	}
}
