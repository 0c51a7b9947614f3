import { createHash } from 'node:crypto'

const STYLE =
  ':root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}'

/** Lets the page have its style and nothing else. */
export const FAILURE_PAGE_POLICY = `default-src 'none'; style-src 'sha256-${hashOf(STYLE)}'; frame-ancestors 'none'`

/**
 * Tells people why they were not enrolled, where no app waits for them.
 *
 * @param error name of the failure, for those who ask somebody for help
 * @returns HTML without scripts and links
 */
export function formatFailurePage(error: string, message: string): string {
  const advice =
    'Go back to the app you came from and try again, or show this to the operator of the service.'
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not enrolled</title>
<style>${STYLE}</style>
<h1>You were not enrolled</h1>
<p>${escapeHtml(sentence(message))}</p>
<p>${advice}</p>
<p><small>${escapeHtml(error)}</small></p>
</html>
`
}

function sentence(message: string): string {
  // The name of a parameter is not a word.
  const capital = /^[a-z']+ /.test(message) ? message.charAt(0).toUpperCase() + message.slice(1) : message
  return capital.endsWith('.') ? capital : `${capital}.`
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
