package wire_test

import (
	"strings"
	"testing"

	"github.com/interlude-run/interlude/sdk/wire"
)

func TestSubjects(t *testing.T) {
	for _, kind := range []wire.Kind{wire.KindSubmit, wire.KindCancel, wire.KindSignal, wire.KindRead, wire.KindCount, wire.KindStream, wire.KindResult, wire.KindTurn, wire.KindFinish} {
		subject := wire.ID{Tenant: "a-B_9", Program: "p", Turn: 12}.Subject(kind)
		got, k, err := wire.ParseSubject(subject)
		if err != nil || k != kind || got.Subject(kind) != subject {
			t.Errorf("%s parsed as %v, %s, %v", subject, got, k, err)
		}
	}
	for _, bad := range []string{
		"", "interlude.v1", "interlude.v2.a.submit.p.1", "interlude.v1.a.submit.p", "interlude.v1.a.submit.p.1.2",
		"interlude.v1.a.shout.p.1", "interlude.v1..submit.p.1", "interlude.v1.a.submit..1", "interlude.v1.a.submit.p.0",
		"interlude.v1.a.submit.p.01", "interlude.v1.a.submit.p.+1", "interlude.v1.a.submit.p.-1", "interlude.v1.a.submit.p.x",
		"interlude.v1.a.submit.p.9223372036854775808", "interlude.v1.a.submit.pä.1", "interlude.v1.*.submit.p.1",
		"interlude.v1.a.submit." + strings.Repeat("p", 65) + ".1",
	} {
		if id, _, err := wire.ParseSubject(bad); err == nil {
			t.Errorf("%q parsed as %v", bad, id)
		}
	}
}

func TestMayReply(t *testing.T) {
	for reply, want := range map[string]bool{
		"_INBOX_acme.x":                          true,
		"_INBOX.x":                               true,
		"_INBOX_acme":                            false,
		"_INBOX_acmes.x":                         false,
		"interlude.v1.other.result.p.1":          false,
		"$JS.API.STREAM.DELETE.INTERLUDE_TURNS":  false,
		"$JS.API.STREAM.PURGE.INTERLUDE_RESULTS": false,
	} {
		if got := wire.MayReply("acme", reply); got != want {
			t.Errorf("may reply to %s: %v, want %v", reply, got, want)
		}
	}
}

// TestPermissions holds the list to what is promised of it: one's own subjects,
// and nothing that can be widened by a name.
func TestPermissions(t *testing.T) {
	rights, err := wire.Permissions("acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(rights.Publish, rights.Subscribe...) {
		if !strings.Contains(s, ".acme.") && !strings.HasPrefix(s, "_INBOX_acme.") {
			t.Errorf("%s is not acme's own", s)
		}
	}
	for _, bad := range []string{"", "*", ">", "a.b", "a b"} {
		if _, err := wire.Permissions(bad); err == nil {
			t.Errorf("%q has permissions", bad)
		}
	}
}
