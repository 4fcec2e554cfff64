import { useEffect, useRef, type ReactNode } from "react";

interface Props {
  label: string;
  className: string;
  onClose: () => void;
  children: ReactNode;
}

/**
 * What lies over the page and blocks it: the browser's own dialog.
 *
 * It keeps the focus inside, closes on Escape and gives the focus back, and unlike a library it
 * adds no style element, which the page's policy would refuse.
 */
export function Dialog({ label, className, onClose, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    if (dialog && !dialog.open) {
      dialog.showModal();
      dialog.querySelector("input")?.focus();
    }
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      className={className}
      aria-label={label}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === element.current) onClose();
      }}
    >
      {children}
    </dialog>
  );
}
