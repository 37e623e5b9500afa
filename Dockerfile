FROM node:26-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY proxy proxy
COPY config config
COPY certs certs
COPY examples examples
RUN npm run build

FROM node:26-slim AS packages
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /opt/pillion
COPY --from=packages /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
# By number, so that runAsNonRoot can be checked without the image's user names.
USER 1000:1000
EXPOSE 15001 15006 15020
ENTRYPOINT ["node", "dist/proxy/main.js"]
CMD ["--help"]
