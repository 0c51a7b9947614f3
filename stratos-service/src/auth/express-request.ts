import type { Request, Response } from 'express'
import type { AuthRequest } from './authenticate.ts'

/** What authentication looks at, of a request that Express received. */
export function toAuthRequest(req: Request, res: Response, address: string): AuthRequest {
  return {
    method: req.method,
    url: req.originalUrl,
    rawHeaders: req.rawHeaders,
    address,
    setHeader: (name, value) => void res.setHeader(name, value),
  }
}
