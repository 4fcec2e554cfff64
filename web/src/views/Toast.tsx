import { useEffect } from "react";
import { useUi } from "../react/ui";

const SHOWN_MS = 4000;

export function Toast() {
  const toast = useUi((ui) => ui.toast);
  const say = useUi((ui) => ui.say);
  useEffect(() => {
    if (toast === null) return;
    const timer = setTimeout(() => say(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [toast, say]);
  return (
    <div className="toast-place" role="status">
      {toast !== null && <div className="toast">{toast}</div>}
    </div>
  );
}
