package stack

import (
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// postgresPrograms returns the folder that has initdb and postgres: the one in PATH, else the newest version that
// Debian's or Red Hat's packages installed.
func postgresPrograms() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if resolved, err := filepath.EvalSymlinks(initdb); err == nil && complete(filepath.Dir(resolved)) {
			return filepath.Dir(resolved), nil
		}
	}
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"} {
		// The only error is of a malformed pattern.
		folders, _ := filepath.Glob(pattern)
		found = append(found, slices.DeleteFunc(folders, func(folder string) bool { return !complete(folder) })...)
	}
	if len(found) == 0 {
		return "", errors.New("PostgreSQL's server programs are not on this machine: install them (Debian: apt-get install postgresql) or put initdb into PATH")
	}
	return slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }), nil
}

func complete(folder string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(folder, name)); err != nil {
			return false
		}
	}
	return true
}

// version is the major version in a folder such as /usr/lib/postgresql/17/bin or /usr/pgsql-17/bin, or 0.
func version(folder string) int {
	name := filepath.Base(filepath.Dir(folder))
	major, err := strconv.Atoi(strings.TrimPrefix(name, "pgsql-"))
	if err != nil {
		return 0
	}
	return major
}
