import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ApiError } from "../api/client";

/** Heading of a page: takes the focus when the page is opened, so that keyboards and screen readers start there. */
export function PageTitle({ title, children }: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Koinon`;
  }, [title]);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <div class="page-title">
      <h1 tabIndex={-1} ref={heading}>
        {title}
      </h1>
      {children}
    </div>
  );
}

/** A titled surface. */
export function Card({ title, extra, class: name = "", children }: { title?: ComponentChildren; extra?: ComponentChildren; class?: string; children: ComponentChildren }) {
  return (
    <section class={`card ${name}`}>
      {(title || extra) && (
        <header>
          {title && <h2>{title}</h2>}
          {extra}
        </header>
      )}
      {children}
    </section>
  );
}

/** What is wrong, in words. */
export function Problem({ error }: { error: ApiError }) {
  return (
    <div class="notice bad" role="alert">
      <strong>{problem_of(error)}</strong>
      <p>{error.unreachable ? "Is it running? The page keeps trying." : error.message}</p>
    </div>
  );
}

function problem_of(error: ApiError): string {
  if (error.unreachable) return "The node does not answer";
  if (error.status === 503) return "The node is not ready yet";
  return error.code === "not_found" ? "Not found" : "The node reports an error";
}

/** Grey lines in the place of what is being read. */
export function Waiting({ lines = 4 }: { lines?: number }) {
  return (
    <div class="waiting" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => (
        <i key={i} />
      ))}
    </div>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
