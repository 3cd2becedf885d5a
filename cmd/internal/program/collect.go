package program

import (
	"os"
	"runtime/debug"
)

// collectAt is by how much the heap grows, in percent of what is alive, before it is collected. A collection takes the
// processors for about ten milliseconds on a small machine, and everybody who waits then waits longer; what is alive is a
// few ten megabytes.
const collectAt = 400

// CollectSeldom lets the garbage collector run a quarter as often as by Go's default, unless GOGC says how often.
// GOMEMLIMIT bounds the memory as ever.
func CollectSeldom() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
}
