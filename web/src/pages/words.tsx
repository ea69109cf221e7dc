import { kGlossary } from "../glossary";
import { Card, PageTitle } from "../ui/frame";

/** Every word of the page, explained. */
export function WordsPage() {
  return (
    <>
      <PageTitle title="Words" />
      <Card>
        <dl class="words">
          {Object.entries(kGlossary).map(([word, text]) => (
            <div key={word}>
              <dt>{word}</dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
      </Card>
    </>
  );
}
