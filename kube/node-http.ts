/**
 * node:http without an ES import of it: that evaluates every export, among them WebSocket, whose getter loads Node's
 * own copy of undici. 8 MB of resident memory for nothing (Node 24.21: 59 MB with the import, 46 without).
 */
import process from 'node:process';

export const http = process.getBuiltinModule('node:http');
