import mongoose, { type Connection } from 'mongoose';
import { NOTIFICATIONS } from './model.js';

const { Schema } = mongoose;

/** No ids of its own in what is embedded; `id` is a field of ours. */
const EMBEDDED = { _id: false, id: false, minimize: false } as const;
const REQUIRED_TEXT = { type: String, required: true } as const;
const REQUIRED_NUMBER = { type: Number, required: true } as const;
const TEXT = { type: String, default: null } as const;
const NUMBER = { type: Number, default: null } as const;

const failureSchema = new Schema({ code: REQUIRED_TEXT, message: REQUIRED_TEXT }, EMBEDDED);

const deliverySchema = new Schema(
  {
    id: REQUIRED_TEXT,
    channel: REQUIRED_TEXT,
    recipient: REQUIRED_TEXT,
    status: REQUIRED_TEXT,
    generation: REQUIRED_NUMBER,
    operationId: REQUIRED_TEXT,
    attempts: REQUIRED_NUMBER,
    throttles: REQUIRED_NUMBER,
    forgiven: Number,
    redrives: Number,
    dueAt: NUMBER,
    intentAt: NUMBER,
    reason: TEXT,
    failure: { type: failureSchema, default: null },
    fingerprint: TEXT,
    settledAt: NUMBER,
  },
  EMBEDDED,
);

const notificationSchema = new Schema(
  {
    _id: REQUIRED_TEXT,
    tenant: REQUIRED_TEXT,
    id: REQUIRED_TEXT,
    workload: REQUIRED_TEXT,
    principal: REQUIRED_TEXT,
    userId: TEXT,
    status: REQUIRED_TEXT,
    priority: { type: String, required: true, enum: ['normal', 'urgent'] },
    payload: REQUIRED_TEXT,
    correlation: { type: Schema.Types.Mixed, required: true },
    fingerprint: REQUIRED_TEXT,
    createdAt: REQUIRED_NUMBER,
    updatedAt: REQUIRED_NUMBER,
    dueAt: NUMBER,
    publish: { type: String, required: true, enum: ['pending', 'published'] },
    publishedAt: NUMBER,
    cancelRequestedAt: NUMBER,
    version: REQUIRED_NUMBER,
    deliveries: [deliverySchema],
    lockedBy: TEXT,
    lockToken: REQUIRED_NUMBER,
    lockedAt: NUMBER,
    lockedUntil: NUMBER,
    claims: REQUIRED_NUMBER,
    barrenClaims: REQUIRED_NUMBER,
    claimId: TEXT,
    writeId: REQUIRED_TEXT,
    lastSeq: REQUIRED_NUMBER,
    commits: [Schema.Types.Mixed],
    ledger: [Schema.Types.Mixed],
    events: [Schema.Types.Mixed],
    deliveredOps: { type: [String], default: undefined },
    desk: { type: [Schema.Types.Mixed], default: undefined },
    audit: { type: [Schema.Types.Mixed], default: undefined },
  },
  {
    collection: NOTIFICATIONS,
    // What is not declared here is a mistake of ours.
    strict: 'throw',
    versionKey: false,
    id: false,
    minimize: false,
    // Indexes are made by migrations.
    autoIndex: false,
    autoCreate: false,
    bufferCommands: false,
  },
);

/**
 * The Notification model: one document per record, with its lock fields, deliveries, ledger and events. It says what a
 * document is; hot paths speak to its collection, since making a mongoose document of each costs more than the command.
 */
export function notificationModel(connection: Connection) {
  return connection.model('Notification', notificationSchema);
}
