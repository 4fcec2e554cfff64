import { Mark } from "./Icon";

/** The server knows no session of this browser. */
export function Denied() {
  return (
    <main className="denied" data-testid="denied">
      <Mark />
      <h1>This page needs the token that <code>tacho dashboard</code> printed</h1>
      <p>
        Open the address that it printed when it started, with <code>?token=</code> in it. The token is then kept in a
        cookie of this browser and the address works without it.
      </p>
    </main>
  );
}
