import { defineConfig } from 'vitepress'

const guide = {
  text: 'Guide',
  items: [
    { text: 'Introduction', link: '/guide/introduction' },
    { text: 'Quick start', link: '/guide/quick-start' },
  ],
}

const client = {
  text: 'For app developers',
  items: [
    { text: 'Getting started', link: '/client/getting-started' },
    { text: 'Enrollment', link: '/client/enrollment' },
    { text: 'Records', link: '/client/records' },
    { text: 'Blobs', link: '/client/blobs' },
    { text: 'Boundaries', link: '/client/boundaries' },
    { text: 'Streams', link: '/client/streams' },
    { text: 'Importing', link: '/client/import' },
    { text: 'Verification', link: '/client/verification' },
    { text: 'Troubleshooting', link: '/client/troubleshooting' },
    { text: 'Reference', link: '/client/reference' },
  ],
}

const operator = {
  text: 'For operators',
  items: [
    { text: 'Deployment', link: '/operator/deployment' },
    { text: 'Configuration', link: '/operator/configuration' },
    { text: 'Storage', link: '/operator/storage' },
    { text: 'Enrollment', link: '/operator/enrollment' },
    { text: 'Blobs', link: '/operator/blobs' },
    { text: 'Streams', link: '/operator/streams' },
    { text: 'Administration', link: '/operator/administration' },
    { text: 'Security', link: '/operator/security' },
    { text: 'Threat model', link: '/operator/threat-model' },
    { text: 'Keys', link: '/operator/keys' },
  ],
}

const appview = {
  text: 'For AppViews',
  items: [
    { text: 'The indexer', link: '/appview/indexer' },
    { text: 'Its read API', link: '/appview/api' },
  ],
}

const inside = {
  text: 'Inside',
  items: [
    { text: 'Architecture', link: '/architecture' },
    { text: 'Lexicons', link: '/lexicons/' },
    { text: 'Invariants', link: '/invariants' },
    { text: 'Gotchas', link: '/gotchas' },
    { text: 'Glossary', link: '/glossary' },
  ],
}

const decisions = {
  text: 'Decisions',
  items: [
    { text: '1 Session keys', link: '/decisions/0001-session-keys' },
    { text: '2 .ts imports and sources', link: '/decisions/0002-ts-imports-and-sources' },
    { text: '3 Events hold no contents', link: '/decisions/0003-events-hold-no-contents' },
    { text: '4 Stubs by durable queue', link: '/decisions/0004-stubs-by-durable-queue' },
    { text: '5 A tree of our own', link: '/decisions/0005-own-tree' },
    {
      text: '6 Places in the feed of the service',
      link: '/decisions/0006-places-in-the-feed-of-the-service',
    },
    { text: '7 Takedowns in the streams', link: '/decisions/0007-takedowns-in-the-streams' },
    {
      text: '8 Commits reach the disk beside the event loop',
      link: '/decisions/0008-commits-reach-the-disk-beside-the-event-loop',
    },
  ],
}

/** Dead links fail the build: that is the default, and stays so. */
export default defineConfig({
  title: 'Stratos',
  description: 'A private, boundary-aware data layer for AT Protocol',
  lang: 'en',
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/guide/introduction' },
      { text: 'Apps', link: '/client/getting-started' },
      { text: 'Operators', link: '/operator/deployment' },
      { text: 'Inside', link: '/architecture' },
    ],
    sidebar: [guide, client, operator, appview, inside, decisions],
  },
})
