import { useCallback, useEffect, useRef, useState } from "react";
import { Connection } from "../core/connection";
import type { JsonObject } from "../core/json";

export type ConnectionState = "connecting" | "connected" | "reconnecting" | "denied";
export type Message = JsonObject & { readonly type: string };

export interface WebSocketOptions {
  /** Follow one project's pipelines; without it, topics. */
  projectId?: string;
  topics?: readonly string[];
  onMessage?: (message: Message) => void;
  onConnect?: () => void;
  onDisconnect?: () => void;
}

export interface WebSocketView {
  isConnected: boolean;
  connectionState: ConnectionState;
  /** The newest 500 of each, oldest first. */
  thoughts: readonly Message[];
  messages: readonly Message[];
  /** The newest progress of each agent. */
  progress: Readonly<Record<string, JsonObject>>;
  /** Sent now, or as soon as there is a connection. */
  sendMessage: (message: JsonObject) => void;
  subscribe: (topics: readonly string[]) => void;
}

const KEPT = 500;

/** One connection of a component's own, for messages that are no topics. It comes back by itself. */
export function useWebSocket(options: WebSocketOptions = {}): WebSocketView {
  const { projectId } = options;
  const topics = options.topics?.join(",");
  const [connectionState, setState] = useState<ConnectionState>("connecting");
  const [thoughts, setThoughts] = useState<readonly Message[]>([]);
  const [messages, setMessages] = useState<readonly Message[]>([]);
  const [progress, setProgress] = useState<Readonly<Record<string, JsonObject>>>({});
  const calls = useRef(options);
  const connection = useRef<Connection | null>(null);
  useEffect(() => {
    calls.current = options;
  });

  useEffect(() => {
    const link = new Connection({
      url: () => address(projectId, topics),
      onMessage: (message) => {
        if (message.type === "pong") return;
        setMessages((old) => [...old, message].slice(-KEPT));
        if (message.type === "thought") setThoughts((old) => [...old, message].slice(-KEPT));
        const { agent, progress: stage } = message;
        if (message.type === "agent_progress" && typeof agent === "string") {
          setProgress((old) => ({ ...old, [agent]: stage as JsonObject }));
        }
        calls.current.onMessage?.(message);
      },
      onLive: () => {
        setState("connected");
        calls.current.onConnect?.();
      },
      onLost: (_attempt, _waitMs, hadBeenLive) => {
        setState("reconnecting");
        if (hadBeenLive) calls.current.onDisconnect?.();
      },
      onDenied: () => setState("denied"),
    });
    connection.current = link;
    link.open();
    return () => link.close();
  }, [projectId, topics]);

  const sendMessage = useCallback((message: JsonObject) => connection.current?.send(message), []);
  const subscribe = useCallback(
    (more: readonly string[]) => connection.current?.send({ type: "subscribe", topics: more }),
    [],
  );
  const isConnected = connectionState === "connected";
  return { isConnected, connectionState, thoughts, progress, messages, sendMessage, subscribe };
}

function address(projectId: string | undefined, topics: string | undefined): string {
  const origin = location.origin.replace(/^http/, "ws");
  const query = topics === undefined ? "" : `?topics=${encodeURIComponent(topics)}`;
  return projectId === undefined
    ? `${origin}/ws${query}`
    : `${origin}/ws/orchestrator/${encodeURIComponent(projectId)}${query}`;
}
