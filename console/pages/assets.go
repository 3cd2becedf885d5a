package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"
)

// The scripts of others are htmx.org 2, htmx-ext-sse and idiomorph (0BSD) and icons of Lucide (ISC), from npm.
//
//go:embed assets
var assetFiles embed.FS

// asset is a file that pages load. Its address has its hash, so browsers keep it for ever.
type asset struct {
	contentType, hash string
	plain, zipped     []byte
}

var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	files, _ := fs.Glob(assetFiles, "assets/*") // the pattern is well-formed
	for _, file := range files {
		plain, err := assetFiles.ReadFile(file)
		if err != nil {
			continue // a folder
		}
		var zipped bytes.Buffer
		z, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level exists
		_, _ = z.Write(plain)                                      // into memory
		_ = z.Close()
		sum := sha256.Sum256(plain)
		all[path.Base(file)] = asset{mime.TypeByExtension(path.Ext(file)), hex.EncodeToString(sum[:6]), plain, zipped.Bytes()}
	}
	return all
})

// assetPath is where a page finds a file.
func assetPath(name string) string { return "/assets/" + assets()[name].hash + "/" + name }

func serveAsset(w http.ResponseWriter, r *http.Request) {
	file, ok := assets()[chi.URLParam(r, "name")]
	if !ok || chi.URLParam(r, "hash") != file.hash {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	body := file.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = file.zipped
	}
	_, _ = w.Write(body) // a browser that does not read its answer loses only that
}
