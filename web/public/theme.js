// Before the first paint, or canvases would read the other theme's colours.
(function () {
  var kept = null;
  try {
    kept = localStorage.getItem("tachograph.theme");
  } catch {
    kept = null;
  }
  var asked = new URLSearchParams(location.search).get("theme");
  var known = { light: 1, dark: 1 };
  document.documentElement.dataset.theme =
    (asked in known && asked) ||
    (kept in known && kept) ||
    (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
})();
