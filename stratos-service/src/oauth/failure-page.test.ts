import { expect, it } from 'vitest'
import { formatFailurePage } from './failure-page.ts'

it('shows text as text, whatever is in it', () => {
  const page = formatFailurePage('Error"x', `it's <b>&amp;</b> here`)
  expect(page).toContain('<p>It&#39;s &#60;b&#62;&#38;amp;&#60;/b&#62; here.</p>')
  expect(page).toContain('<small>Error&#34;x</small>')
})
