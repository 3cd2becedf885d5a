package browser

import (
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// screenshots is the folder for pictures of the pages, which git does not see.
func screenshots() string {
	if folder := os.Getenv("QSERVE_SCREENSHOTS"); folder != "" {
		return folder
	}
	return filepath.Join("..", "..", "..", "bin", "screenshots")
}

// shoot takes a picture of the whole page, down to a height, and returns its file.
func (b *tab) shoot(name string, most float64) (string, error) {
	size, err := evaluate[[]float64](b, "[innerWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]")
	if err != nil {
		return "", err
	}
	taken, err := chromedp.Call(b.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Format: page.CaptureScreenshotFormatPng, CaptureBeyondViewport: new(true), OptimizeForSpeed: new(true),
		Clip: &page.Viewport{Width: size[0], Height: min(size[1], most), Scale: 1},
	})
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(screenshots(), 0o750); err != nil {
		return "", err
	}
	file := filepath.Join(screenshots(), name+".png")
	return file, os.WriteFile(file, taken.Data, 0o600)
}
