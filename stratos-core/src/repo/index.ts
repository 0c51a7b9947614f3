export {
  NativeKeypair,
  createP256Keypair,
  createSecp256k1Keypair,
  importP256Keypair,
  importSecp256k1Keypair,
} from './native-keypair.ts'
export { verifyEcdsaSideBySide } from './ecdsa.ts'
export { SIDE_BY_SIDE } from './side-by-side.ts'
export { verifySignature } from './native-verify.ts'
export {
  buildCommit,
  buildInitialCommit,
  signCommit,
  type BuiltCommit,
  type CommitOp,
  type RepoWrite,
} from './build-commit.ts'
export type { BlockSource } from './block-source.ts'
export { assertNodeSize, MAX_NODE_RECORDS } from './node-size.ts'
export { RepoTree } from './repo-tree.ts'
export { collectRepoBlocks, type CollectOptions } from './collect-blocks.ts'
export { decodeTreeNode, findTreePath, type TreeNode, type TreePath } from './tree-node.ts'
export { encodeCar, writeCar, type CarBlock } from './write-car.ts'
export { EMPTY_TREE, SortedTree } from './sorted-tree.ts'
export { layerOf } from './subtree.ts'
