/** Where Debian puts it; see scripts/system-packages.ts. */
const executablePath = '/usr/bin/chromium'

/** How a browser is launched in tests: alone, as any user, without talking to its makers. */
export const CHROMIUM = {
  executablePath,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
}
