export { buildConfig, type Config } from './config/config.ts'
export { ConfigError, ENV_TABLE, readEnv, type Env } from './config/env.ts'
export { createLogger, type Logger } from './logger.ts'
export { startService, type RunningService } from './service.ts'
