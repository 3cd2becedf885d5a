package program_test

import (
	"os/exec"
	"testing"
)

// The rules that wake people are checked by the program that will run them.
func TestAlerts_RingWhenTheyShouldAndOnlyThen(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is missing; scripts/setup installs it with Debian's prometheus")
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		check := exec.CommandContext(t.Context(), promtool, args...)
		check.Dir = "../../../deploy/prometheus"
		if said, err := check.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, said)
		}
	}
}
