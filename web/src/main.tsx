import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { App } from "./views/App";
import "./style/index.css";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root to draw the page into");
createRoot(root).render(
  <StrictMode>
    <BrowserRouter>
      <App />
    </BrowserRouter>
  </StrictMode>,
);
