package watch

import (
	"crypto/sha256"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// content names what is in a file. The zero content is that of a file which
// cannot be read.
type content struct {
	readable bool
	sum      [sha256.Size]byte
}

// maxRead bounds what is read of a file; no policy and no secret has so much.
const maxRead = 4 << 20

// read reads a regular file.
func read(file string) content {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return content{}
	}
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return content{}
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(f, maxRead)); err != nil {
		return content{}
	}
	return content{true, [sha256.Size]byte(sum.Sum(nil))}
}

// contents compares what files hold with what was told of them. The zero value
// has told nothing.
type contents struct {
	told, last map[string]content
	reported   bool // something happened to a file since it was told of
}

type finding int

const (
	nothing   finding = iota
	unsettled         // there is a change, which may not be all
	changed           // there is a change, and it has stayed
)

// look takes in what the files hold now. After a report it finds a change even if
// they hold what they held: somebody may have read what they held in between.
func (c *contents) look(now map[string]content) finding {
	stayed := maps.Equal(now, c.last)
	c.last = now
	switch {
	case !c.reported && !c.news(now):
		c.told = now // there may be fewer files than before
		return nothing
	case !stayed:
		return unsettled
	}
	c.told, c.reported = now, false
	return changed
}

// news reports whether a file holds what was not told.
func (c *contents) news(now map[string]content) bool {
	for file, content := range now {
		if before, ok := c.told[file]; !ok || before != content {
			return true
		}
	}
	return false
}

// maxLinks is how many symbolic links are followed to one file, as Linux does.
const maxLinks = 40

// trace returns each directory entry that has to be looked up to reach a file:
// the directories, the links, and where those lead. It ends where there is
// nothing. No directory in it is reached through a link.
func trace(file string) (entries []string) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil
	}
	at, rest := root(file)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = filepath.Dir(at)
			continue
		}
		entry := filepath.Join(at, name)
		entries = append(entries, entry)
		info, err := os.Lstat(entry)
		if err != nil {
			return entries
		}
		if info.Mode()&os.ModeSymlink == 0 {
			at = entry
			continue
		}
		target, err := os.Readlink(entry)
		if links++; err != nil || links > maxLinks {
			return entries
		}
		further := split(target)
		if filepath.IsAbs(target) {
			at, further = root(target)
		}
		rest = append(further, rest...)
	}
	return entries
}

// root takes an absolute path apart.
func root(path string) (top string, rest []string) {
	top = filepath.VolumeName(path) + string(filepath.Separator)
	return top, split(strings.TrimPrefix(path, filepath.VolumeName(path)))
}

// split returns the names of a path, without those that lead nowhere.
func split(path string) []string {
	names := strings.Split(filepath.ToSlash(path), "/")
	return slices.DeleteFunc(names, func(name string) bool { return name == "" || name == "." })
}
