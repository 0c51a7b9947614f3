export { MemoryRepo } from './memory-repo.ts'
