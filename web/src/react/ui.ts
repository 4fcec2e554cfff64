import { create } from "zustand";

export type Theme = "dark" | "light";
export type Sheet = "palette" | "projects" | "keys" | "more";

interface Ui {
  theme: Theme;
  /** What lies over the page. */
  sheet: Sheet | null;
  /** A word of confirmation, for some seconds. */
  toast: string | null;
  open: (sheet: Sheet | null) => void;
  say: (text: string | null) => void;
  switchTheme: () => void;
}

function shownTheme(): Theme {
  return document.documentElement.dataset.theme === "light" ? "light" : "dark";
}

function keepTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("tachograph.theme", theme);
  } catch {
    // Storage can be forbidden: the choice then lasts as long as the page.
  }
}

/** State of the surface only; nothing measured is kept here. */
export const useUi = create<Ui>()((set, get) => ({
  theme: shownTheme(),
  sheet: null,
  toast: null,
  open: (sheet) => set({ sheet }),
  say: (toast) => set({ toast }),
  switchTheme: () => {
    const theme = get().theme === "dark" ? "light" : "dark";
    keepTheme(theme);
    set({ theme });
  },
}));
