export { ConfigError, readConfig, type Config } from './config.ts'
export { openDatabase, type Database, type DatabaseSettings } from './tables/database.ts'
export type { Tables } from './tables/schema.ts'
