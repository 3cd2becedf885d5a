package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/chromedp/chromedp"
)

// chrome is the one browser process.
type chrome struct {
	ctx     context.Context // chromedp's handle of a browser is a context
	cancels []context.CancelFunc
	profile string
}

// startChrome starts Debian's Chromium with a profile that nobody used before, and with nothing of its own that talks to
// the network.
func startChrome() (*chrome, error) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		return nil, fmt.Errorf("these tests click in Chromium, which scripts/setup installs: %w", err)
	}
	c := &chrome{}
	if c.profile, err = os.MkdirTemp("", "qserve-chromium-*"); err != nil {
		return nil, fmt.Errorf("make a folder for the browser's profile: %w", err)
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(program), chromedp.UserDataDir(c.profile), chromedp.NoSandbox, chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU, chromedp.Flag("headless", "new"),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-extensions", true), chromedp.Flag("disable-default-apps", true),
		chromedp.Flag("disable-breakpad", true), chromedp.Flag("disable-client-side-phishing-detection", true),
		chromedp.Flag("disable-features", "Translate,OptimizationHints,MediaRouter,PasswordManagerOnboarding"),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true), chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-hang-monitor", true), chromedp.Flag("hide-scrollbars", true), chromedp.Flag("mute-audio", true),
		chromedp.Flag("password-store", "basic"), chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("lang", "en-GB"), chromedp.Env("LANGUAGE=en_GB"))
	c.cancels = append(c.cancels, cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	c.ctx, c.cancels = ctx, append(c.cancels, cancel)
	// The first action starts the browser, and the browser ends with its context.
	if err := chromedp.Do(c.ctx); err != nil {
		c.stop()
		return nil, errors.Join(errors.New("start Chromium"), err)
	}
	return c, nil
}

func (c *chrome) stop() {
	for i := range c.cancels {
		c.cancels[len(c.cancels)-1-i]()
	}
	_ = os.RemoveAll(c.profile)
}
