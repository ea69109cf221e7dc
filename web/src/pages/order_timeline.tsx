import type { OrderEvent } from "../api/types";
import { clock_time, moment } from "../format";
import { Card, Empty } from "../ui/frame";
import { AccountLink, Hex } from "../ui/text";

/** What the ledger recorded, oldest first. */
export function Timeline({ events }: { events: readonly OrderEvent[] }) {
  return (
    <Card title="On the ledger" class="timeline">
      {events.length === 0 && <Empty>The order is not in a block yet.</Empty>}
      <ol>
        {events.map((event, i) => (
          <li key={`${event.tx}/${i}`} data-event={event.name}>
            <time dateTime={new Date(event.at).toISOString()} title={moment(event.at)}>
              {clock_time(event.at)}
            </time>
            <div>
              <p>{event.text}</p>
              <p class="aside">
                {event.name}
                {event.account !== null && (
                  <>
                    {" · "}
                    <AccountLink id={event.account} />
                  </>
                )}
                {` · block ${event.block} · `}
                <Hex value={event.tx} what="transaction hash" />
              </p>
            </div>
          </li>
        ))}
      </ol>
    </Card>
  );
}
