import reactHooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules", "dist"] },
  ...tseslint.configs.strict,
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      "no-restricted-globals": ["error", "event", "name"],
      eqeqeq: ["error", "always", { null: "ignore" }],
    },
  },
  {
    files: ["src/**/*.{ts,tsx}"],
    ...reactHooks.configs.flat["recommended-latest"],
  },
  {
    files: ["src/core/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          paths: ["react", "react-dom", "react-router", "zustand", "uplot"],
          patterns: ["../react/*", "../views/*", "../charts/*"],
        },
      ],
    },
  },
  {
    files: ["scripts/**", "public/**"],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
);
