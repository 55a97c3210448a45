/** NestJS on Express. Its decorators are applied by hand: they are functions. */
import 'reflect-metadata';
import type { Server } from 'node:http';
import type { Response } from 'express';
import type { Framework, Story } from '../server-cases.ts';

export const nest: Framework = {
  name: 'NestJS',
  tellsRoute: 'once the body is read',
  create: async (story) => {
    const { NestFactory } = await import('@nestjs/core');
    const application = await NestFactory.create(await moduleOf(story), { logger: false });
    await application.init();
    return application.getHttpServer() as Server;
  },
};

async function moduleOf(story: () => Story): Promise<new () => object> {
  const { Body, Controller, Get, Module, Post, Res } = await import('@nestjs/common');

  class Shop {
    async wait(): Promise<string> {
      const { entered, over } = story();
      entered();
      await over;
      return 'too late';
    }

    parts(response: Response): void {
      response.write('first part');
      story().entered();
    }

    upload(body: unknown): unknown {
      return body;
    }

    drop(response: Response): void {
      response.destroy();
    }

    fine(): string {
      return 'fine';
    }

    throws(): void {
      throw new Error('bug');
    }

    async rejects(): Promise<void> {
      await new Promise(setImmediate);
      throw new Error('bug');
    }
  }

  const { prototype } = Shop;
  const route = (decorate: MethodDecorator, method: keyof Shop): void => {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, method) as PropertyDescriptor;
    decorate(prototype, method, descriptor);
  };
  route(Get('wait/:id'), 'wait');
  route(Get('parts/:id'), 'parts');
  Res()(prototype, 'parts', 0);
  route(Post('uploads/:id'), 'upload');
  Body()(prototype, 'upload', 0);
  route(Get('drop/:id'), 'drop');
  Res()(prototype, 'drop', 0);
  route(Get('fine/:id'), 'fine');
  route(Get('throws/:id'), 'throws');
  route(Get('rejects/:id'), 'rejects');
  Controller()(Shop);

  class ShopModule {}
  Module({ controllers: [Shop] })(ShopModule);
  return ShopModule;
}
