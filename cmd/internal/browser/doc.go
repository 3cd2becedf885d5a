// Package browser has the tests that click through the console in a real Chromium, with the whole program and simulated
// routers behind it. What a page shows is judged with the routers' state and the database.
//
// All tests share one program, one browser and one PostgreSQL; each has a browser context of its own, with its own
// cookies, and subscribers of its own. Screenshots of every page are left in bin/screenshots.
package browser
