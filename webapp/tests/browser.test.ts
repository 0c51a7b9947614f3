import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { AtpAgent } from '@atproto/api'
import { chromium, type Browser, type Page } from 'playwright-core'
import { CHROMIUM, startNetwork, waitUntil, type Account, type Network } from 'test-network'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const PHONE = { width: 390, height: 844 }
const DESKTOP = { width: 1280, height: 800 }
/** One pixel. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
)
const SECRET = 'The password of the tree house is walnut'

/** Pictures of what the test saw, for people. */
const pictures = join(import.meta.dirname, '../../test-results')

let network: Network
let browser: Browser

// Without a browser there is nothing to drive; `npm test` says so, and in CI refuses to go on.
describe.skipIf(!existsSync(CHROMIUM.executablePath))('the web app in a real browser', () => {
  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true })
    network = await startNetwork({ webapp: true, indexer: true })
    browser = await chromium.launch(CHROMIUM)
  })
  afterAll(async () => {
    await browser?.close()
    await network?.close()
  })

  it(
    'takes alice from sign-in to a private post that bob reads and carol cannot find',
    { timeout: 120_000 },
    async () => {
      const [alice, bob, carol] = network.accounts
      if (alice === undefined || bob === undefined || carol === undefined)
        throw new Error('the cast is missing')

      const hers = await openApp(DESKTOP)
      await signIn(hers, alice)
      await expectState(hers, 'Not enrolled')
      await enroll(hers, alice)
      await expectState(hers, 'Enrolled')

      await hers.getByTestId('composer-text').fill(SECRET)
      expect(await hers.getByTestId('post-submit').isDisabled()).toBe(true)
      await hers.getByTestId('boundary-general').check()
      await hers.getByTestId('post-submit').click()
      await hers.getByTestId('post-text').filter({ hasText: SECRET }).waitFor()
      await hers.screenshot({ path: join(pictures, 'alice-posted.png') })

      const his = await openApp(PHONE)
      await signIn(his, bob)
      await enroll(his, bob)
      await openUser(his, alice)
      await his.getByTestId('post-text').filter({ hasText: SECRET }).waitFor()
      await his.screenshot({ path: join(pictures, 'bob-reads.png') })

      // His timeline has it too, and an answer of his comes to hers by itself.
      await his.getByTestId('show-timeline').click()
      await his.getByTestId('tab-general').click()
      await his.getByTestId('post').filter({ hasText: SECRET }).filter({ hasText: alice.handle }).waitFor()
      await his.screenshot({ path: join(pictures, 'bob-timeline.png') })
      await his.getByTestId('post-thread').click()
      const thread = his.getByTestId('thread')
      await thread.getByTestId('composer-text').fill('Whose tree house?')
      await thread.getByTestId('boundary-general').check()
      await thread.getByTestId('post-submit').click()
      await thread.getByTestId('reply').filter({ hasText: 'Whose tree house?' }).waitFor()
      await his.screenshot({ path: join(pictures, 'bob-answers.png') })
      const answer = hers.getByTestId('post').filter({ hasText: 'Whose tree house?' })
      await answer.filter({ hasText: bob.handle }).waitFor()
      await hers.screenshot({ path: join(pictures, 'alice-timeline.png') })
      await his.getByTestId('thread-back').click()
      await his.getByTestId('post-delete').click()
      await his.getByTestId('post-delete-confirm').click()
      await answer.waitFor({ state: 'detached' })

      const theirs = await openApp(PHONE)
      await signIn(theirs, carol)
      await enroll(theirs, carol)
      await network.setBoundaries(carol.did, ['other'])
      await theirs.reload()
      await expectState(theirs, 'Enrolled')
      await theirs.getByTestId('timeline-empty').waitFor()
      await openUser(theirs, alice)
      await theirs.getByTestId('feed-empty').waitFor()
      expect(await theirs.content()).not.toContain(SECRET)
      await theirs.screenshot({ path: join(pictures, 'carol-finds-nothing.png') })

      await publicRepoHoldsOnlyTheStub(alice)
    },
  )

  it(
    'takes a picture with its description from bob to those behind the boundary',
    { timeout: 120_000 },
    async () => {
      const [alice, bob, carol] = network.accounts
      if (alice === undefined || bob === undefined || carol === undefined)
        throw new Error('the cast is missing')
      const his = await openApp(DESKTOP)
      await signIn(his, bob)
      await expectState(his, 'Enrolled')
      const files = his.getByTestId('image-files')
      const problem = his.getByTestId('image-problem')
      await files.setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('notes') })
      await problem.filter({ hasText: 'notes.txt is no picture' }).waitFor()
      await files.setInputFiles({ name: 'huge.png', mimeType: 'image/png', buffer: Buffer.alloc(2_500_000) })
      await problem.filter({ hasText: 'huge.png is too large' }).waitFor()
      expect(await his.getByTestId('draft-image').count()).toBe(0)

      // Only the service notices, by its bytes.
      await files.setInputFiles({
        name: 'fake.png',
        mimeType: 'image/png',
        buffer: Buffer.from('%PDF-1.7 no picture'),
      })
      await his.getByTestId('composer-text').fill('Look at this boat')
      await his.getByTestId('boundary-general').check()
      await his.getByTestId('post-submit').click()
      await his.getByTestId('message').filter({ hasText: 'A picture is not what its name says' }).waitFor()
      expect(await his.getByTestId('composer-text').inputValue()).toBe('Look at this boat')
      await his.getByRole('button', { name: 'Remove fake.png' }).click()

      await files.setInputFiles({ name: 'boat.png', mimeType: 'image/png', buffer: PICTURE })
      await his.getByTestId('image-alt').fill('A red boat')
      await his.getByTestId('post-submit').click()
      const boat = (page: Page) => page.getByRole('img', { name: 'A red boat' })
      await boat(his).first().waitFor()
      expect(await his.getByTestId('draft-image').count()).toBe(0)
      await his.screenshot({ path: join(pictures, 'bob-posted-picture.png') })

      const hers = await openApp(PHONE)
      await signIn(hers, alice)
      await expectState(hers, 'Enrolled')
      for (const open of [async () => undefined, () => openUser(hers, bob)]) {
        await open()
        await waitUntil('the picture is loaded', () =>
          boat(hers)
            .first()
            .evaluate((image) => image instanceof HTMLImageElement && image.naturalWidth === 1)
            .catch(() => false),
        )
      }
      await hers.screenshot({ path: join(pictures, 'alice-sees-picture.png') })
      const address = await boat(hers).first().getAttribute('src')
      expect((await fetch(String(address))).status).toBe(200)

      const theirs = await openApp(PHONE)
      await signIn(theirs, carol)
      await expectState(theirs, 'Enrolled')
      await openUser(theirs, bob)
      await theirs.getByTestId('feed-empty').waitFor()
      expect(await boat(theirs).count()).toBe(0)

      await his
        .getByTestId('post')
        .filter({ hasText: 'Look at this boat' })
        .getByTestId('post-delete')
        .first()
        .click()
      await his.getByTestId('post-delete-confirm').first().click()
      await waitUntil(
        'the picture is gone with its post',
        async () => (await fetch(String(address))).status === 404,
      )
    },
  )

  it(
    'shows links as such, leads from a post to its author, and deletes everything of whoever leaves',
    { timeout: 120_000 },
    async () => {
      const [alice, bob] = network.accounts
      if (alice === undefined || bob === undefined) throw new Error('the cast is missing')
      const his = await openApp(DESKTOP)
      await signIn(his, bob)
      await expectState(his, 'Enrolled')
      const text = 'Read https://example.com/lake.\n\nIt is (almost) true'
      await his.getByTestId('composer-text').fill(text)
      await his.getByTestId('boundary-general').check()
      await his.getByTestId('post-submit').click()

      const hers = await openApp(PHONE)
      await signIn(hers, alice)
      const post = hers.getByTestId('post').filter({ hasText: 'almost' })
      await post.waitFor()
      expect(await post.getByTestId('post-text').innerText()).toBe(text)
      const link = post.getByRole('link')
      expect(await link.getAttribute('href')).toBe('https://example.com/lake')
      expect(await link.getAttribute('rel')).toContain('noopener')
      await post.getByTestId('post-author').click()
      await hers.getByTestId('feed-title').filter({ hasText: bob.handle }).waitFor()

      await his.getByTestId('your-data').locator('summary').click()
      const saved = his.waitForEvent('download')
      await his.getByTestId('download').click()
      expect((await saved).suggestedFilename()).toBe(`stratos-${bob.did.replaceAll(':', '-')}.car`)
      await his.getByTestId('leave').click()
      await his.screenshot({ path: join(pictures, 'bob-leaves.png') })
      await his.getByTestId('leave-stay').click()
      await his.getByTestId('leave').click()
      await his.getByTestId('leave-confirm').click()
      await expectState(his, 'Not enrolled')
      await his.getByTestId('message').filter({ hasText: 'You have left' }).waitFor()
      await hers.getByTestId('refresh').click()
      await hers.getByTestId('feed-empty').waitFor()
      await his.reload()
      await expectState(his, 'Not enrolled')
    },
  )

  it(
    'ends the session of its key with the service when somebody signs out',
    { timeout: 60_000 },
    async () => {
      const [alice] = network.accounts
      if (alice === undefined) throw new Error('the cast is missing')
      const page = await openApp(DESKTOP)
      await signIn(page, alice)
      await expectState(page, 'Enrolled')
      const ended = page.waitForResponse(
        (response) => response.url().endsWith('zone.stratos.server.deleteSession') && response.ok(),
      )
      await page.getByTestId('sign-out').click()
      await ended
      await page.getByTestId('sign-in').waitFor()
      await page.getByTestId('message').filter({ hasText: 'You are signed out.' }).waitFor()
    },
  )

  it(
    'says when the timeline is away, and that an app without one has none',
    { timeout: 90_000 },
    async () => {
      const [alice] = network.accounts
      if (alice === undefined || network.indexer === null) throw new Error('somebody is missing')
      const page = await openApp(DESKTOP)
      await signIn(page, alice)
      await page.getByTestId('timeline').waitFor()
      await network.indexer.stop()
      await page.getByTestId('timeline-failure').filter({ hasText: 'cannot be reached' }).waitFor()
      await page.getByTestId('show-own').click()
      await page.getByTestId('post-text').first().waitFor()
      await page.getByTestId('show-timeline').click()
      await page.getByTestId('timeline-failure').waitFor()
      await network.indexer.start()
      await page.getByTestId('timeline-failure').waitFor({ state: 'detached' })
      await page.getByTestId('post-text').first().waitFor()

      const bare = await browser.newPage()
      await bare.route('**/config.json', async (route) => {
        const { appview: _, ...config } = await (await route.fetch()).json()
        await route.fulfill({ json: config })
      })
      await bare.goto(network.webappUrl ?? '')
      await signIn(bare, alice)
      await bare.getByTestId('no-timeline').waitFor()
      await bare.getByTestId('post-text').first().waitFor()
    },
  )

  it('says what is wrong when the service is away, and keeps the text', { timeout: 60_000 }, async () => {
    const [alice] = network.accounts
    if (alice === undefined) throw new Error('the cast is missing')
    const page = await openApp(DESKTOP)
    await signIn(page, alice)
    await expectState(page, 'Enrolled')
    await page.getByTestId('composer-text').fill('written while the service is away')
    await page.getByTestId('boundary-general').check()
    await network.stopService()
    await page.getByTestId('post-submit').click()
    await page.getByTestId('message').first().waitFor()
    expect(await page.getByTestId('composer-text').inputValue()).toBe('written while the service is away')
    await network.restartService()
    await page.getByTestId('post-submit').click()
    await page.getByTestId('post-text').filter({ hasText: 'written while the service is away' }).waitFor()
  })
})

async function openApp(viewport: { width: number; height: number }): Promise<Page> {
  const context = await browser.newContext({ viewport })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  await page.goto(network.webappUrl ?? '')
  return page
}

/** Through the PDS's own pages. */
async function signIn(page: Page, account: Account): Promise<void> {
  await page.getByTestId('sign-in-handle').fill(account.handle)
  await page.getByTestId('sign-in').click()
  await passConsent(page, account)
  await page.getByTestId('signed-in-as').waitFor()
}

async function enroll(page: Page, account: Account): Promise<void> {
  await page.getByTestId('enroll').click()
  await passConsent(page, account)
  await expectState(page, 'Enrolled')
}

/** The PDS asks for the password once in a browser, and for consent each time. */
async function passConsent(page: Page, account: Account): Promise<void> {
  await page.waitForURL(/\/oauth\/authorize/)
  const authorize = page.getByRole('button', { name: 'Authorize' })
  const password = page.locator('input[name=password]')
  const known = page.getByRole('button', { name: account.handle })
  await authorize.or(password).or(known).first().waitFor()
  if (await known.isVisible()) await known.click()
  if (await password.isVisible()) {
    await password.fill(account.password)
    await page.click('button[type=submit]')
  }
  await authorize.first().click()
}

async function openUser(page: Page, account: Account): Promise<void> {
  await page.getByTestId('open-handle').fill(account.handle)
  await page.getByTestId('open-submit').click()
  await page.getByTestId('feed-title').filter({ hasText: account.handle }).waitFor()
}

async function expectState(page: Page, state: string): Promise<void> {
  await page.getByTestId('enrollment-state').filter({ hasText: state }).first().waitFor()
}

async function publicRepoHoldsOnlyTheStub({ did }: Account): Promise<void> {
  const agent = new AtpAgent({ service: network.pdsUrl })
  const list = async (collection: string) =>
    (await agent.com.atproto.repo.listRecords({ repo: did, collection })).data.records
  await waitUntil('the stub arrives', async () => (await list('zone.stratos.feed.post')).length === 1)
  const [stub] = await list('zone.stratos.feed.post')
  expect(Object.keys(stub?.value ?? {}).toSorted()).toEqual(['$type', 'createdAt', 'source'])
  expect(await list('zone.stratos.actor.enrollment')).toHaveLength(1)
  const { data } = await agent.com.atproto.repo.describeRepo({ repo: did })
  expect(data.collections.toSorted()).toEqual(['zone.stratos.actor.enrollment', 'zone.stratos.feed.post'])
  const everything = Buffer.from((await agent.com.atproto.sync.getRepo({ did })).data)
  for (const word of SECRET.split(' ').filter((word) => word.length > 4))
    expect(everything.includes(word)).toBe(false)
}
